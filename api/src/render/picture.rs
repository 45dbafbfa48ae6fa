//! A picture that somebody else drew: the code of a platform, in place of our QR.
//!
//! It comes as PNG or JPEG and is decoded once, within bounds, whatever the writer: PDF and PNG take its pixels on white, SVG
//! takes the file as it is.

use std::io::Cursor;

use data_encoding::BASE64;
use png::{ColorType, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The longest side that is decoded, in pixels; platforms give at most 1,280.
const LONGEST: usize = 2_048;
/// The shortest that can be scanned from a poster.
const SHORTEST: usize = 64;

/// A decoded picture, opaque. `Debug` shows its size.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    /// Red, green, blue and 255, row by row.
    rgba: Vec<u8>,
    /// `data:` address of the file itself.
    data_url: String,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture")
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

/// Which app reads a platform's code; no other does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanner {
    Wechat,
    Alipay,
}

/// A platform's code, and who reads it.
#[derive(Debug, Clone)]
pub struct PlatformCode {
    pub picture: Picture,
    pub scanner: Scanner,
}

/// Why a file is no picture for a poster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    #[error("neither PNG nor JPEG")]
    Kind,
    #[error("a side is shorter than {SHORTEST} or longer than {LONGEST} pixels")]
    Size,
    #[error("the file is damaged")]
    Damaged,
}

impl Picture {
    /// Reads a PNG or a JPEG.
    ///
    /// # Errors
    /// When it is neither, damaged, or too large or small.
    pub fn decode(file: &[u8]) -> Result<Self, PictureError> {
        let (kind, (width, height, rgb)) = match file {
            [0x89, b'P', b'N', b'G', ..] => ("png", from_png(file)?),
            [0xff, 0xd8, 0xff, ..] => ("jpeg", from_jpeg(file)?),
            _ => return Err(PictureError::Kind),
        };
        if rgb.len() != width * height * 3 {
            return Err(PictureError::Damaged);
        }
        let side = |n: usize| u32::try_from(n).map_err(|_| PictureError::Size);
        Ok(Self {
            width: side(width)?,
            height: side(height)?,
            rgba: rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect(),
            data_url: format!("data:image/{kind};base64,{}", BASE64.encode(file)),
        })
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub(crate) fn rgba(&self) -> &[u8] {
        &self.rgba
    }

    pub(crate) fn data_url(&self) -> &str {
        &self.data_url
    }
}

fn fits(width: usize, height: usize) -> Result<(), PictureError> {
    let side = SHORTEST..=LONGEST;
    if side.contains(&width) && side.contains(&height) { Ok(()) } else { Err(PictureError::Size) }
}

type Pixels = (usize, usize, Vec<u8>);

fn from_jpeg(file: &[u8]) -> Result<Pixels, PictureError> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_max_width(LONGEST)
        .set_max_height(LONGEST);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(|_| PictureError::Damaged)?;
    let (width, height) = decoder.dimensions().ok_or(PictureError::Damaged)?;
    fits(width, height)?;
    Ok((width, height, decoder.decode().map_err(|_| PictureError::Damaged)?))
}

fn from_png(file: &[u8]) -> Result<Pixels, PictureError> {
    let mut decoder = png::Decoder::new(Cursor::new(file));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|_| PictureError::Damaged)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    fits(width, height)?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or(PictureError::Size)?];
    let frame = reader.next_frame(&mut pixels).map_err(|_| PictureError::Damaged)?;
    pixels.truncate(frame.buffer_size());
    // What shines through is the paper.
    let on_white = |c: u8, a: u8| ((u16::from(c) * u16::from(a) + 255 * (255 - u16::from(a))) / 255) as u8;
    let rgb = match frame.color_type {
        ColorType::Rgb => pixels,
        ColorType::Grayscale => pixels.iter().flat_map(|g| [*g; 3]).collect(),
        ColorType::Rgba => pixels
            .chunks_exact(4)
            .flat_map(|p| [on_white(p[0], p[3]), on_white(p[1], p[3]), on_white(p[2], p[3])])
            .collect(),
        ColorType::GrayscaleAlpha => pixels.chunks_exact(2).flat_map(|p| [on_white(p[0], p[1]); 3]).collect(),
        ColorType::Indexed => return Err(PictureError::Damaged),
    };
    Ok((width, height, rgb))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A PNG of these pixels.
    pub(crate) fn png_of(side: u32, color: ColorType, pixels: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, side, side);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        file
    }

    #[test]
    fn transparent_ground_becomes_paper() {
        let pixels = [[0, 0, 0, 0], [0, 0, 0, 255]].concat().repeat(64 * 32);
        let picture = Picture::decode(&png_of(64, ColorType::Rgba, &pixels)).unwrap();
        assert_eq!(picture.size(), (64, 64));
        assert_eq!(&picture.rgba()[..8], &[255, 255, 255, 255, 0, 0, 0, 255]);
        assert!(picture.data_url().starts_with("data:image/png;base64,iVBOR"));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let small = png_of(8, ColorType::Grayscale, &[0; 64]);
        let good = png_of(64, ColorType::Grayscale, &[0; 64 * 64]);
        for (file, expected) in [
            (&b""[..], PictureError::Kind),
            (b"GIF89a", PictureError::Kind),
            (b"{\"errcode\":41030}", PictureError::Kind),
            (&small, PictureError::Size),
            (&good[..good.len() / 2], PictureError::Damaged),
            (&[0xff, 0xd8, 0xff, 0xe0, 0, 1], PictureError::Damaged),
        ] {
            assert_eq!(Picture::decode(file), Err(expected));
        }
    }
}
