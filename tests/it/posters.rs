//! Reading posters as a phone's camera does.

/// The text of the one QR code on a picture.
pub(crate) fn decode_png(bytes: &[u8]) -> String {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let step = info.color_type.samples();
    let (width, height) = (info.width as usize, info.height as usize);
    let dark = |x: usize, y: usize| {
        let pixel = &pixels[(y * width + x) * step..][..step];
        let colours = pixel.len().min(3);
        u8::try_from(pixel[..colours].iter().map(|c| u32::from(*c)).sum::<u32>() / colours as u32).unwrap()
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, dark);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one code on a poster");
    grids[0].decode().unwrap().1
}

/// What the symbol says, and its modules a side with the quiet zone: painted from the runs of its path, read by another
/// decoder.
pub(crate) fn decode_svg(svg: &str) -> (String, usize) {
    const SCALE: usize = 4;
    let side = svg.split("viewBox=\"0 0 ").nth(1).and_then(|t| t.split(' ').next()).unwrap();
    let side: usize = side.parse().unwrap();
    let mut dark = vec![false; side * side];
    let path = svg.rsplit("d=\"").next().unwrap().split('"').next().unwrap();
    for run in path.split('M').skip(1) {
        let mut numbers = run.split([' ', 'h', 'v']).map(|n| n.parse::<usize>().unwrap_or(0));
        let (x, y, length) = (numbers.next().unwrap(), numbers.next().unwrap(), numbers.next().unwrap());
        dark[y * side + x..][..length].fill(true);
    }
    let shade = |x: usize, y: usize| if dark[y / SCALE * side + x / SCALE] { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * SCALE, side * SCALE, shade);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one code");
    (grids[0].decode().unwrap().1, side)
}

/// The path of a URL.
pub(crate) fn path_of(url: &str) -> &str {
    let rest = url.split("://").nth(1).unwrap_or(url);
    rest.find('/').map_or("/", |at| &rest[at..])
}
