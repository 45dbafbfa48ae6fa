//! Posters as the world sees them: read by decoders and tools that we did not write.
//!
//! A test whose tool or font is not installed says so and passes, unless `MASHANG_TESTS_REQUIRE_ALL` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::path::Path;
use std::process::Command;

use chrono::NaiveDate;
use mashang_api::render::{Fonts, Format, Language, Poster, RenderError, Size, qr_svg, render};
use mashang_domain::venue::Direction;

const URL: &str = "https://ma.kunming.example.cn/v/WMWMW6789ABCDEFGHJKQ/in";
const LONG: &str = "云南省昆明市五华区翠湖南路街道社区卫生服务中心第三门诊部发热预检分诊处暨疫苗临时接种点东侧二号入口大厅及\
                    地下停车场联络通道";

fn poster(direction: Direction) -> Poster<'static> {
    Poster {
        venue_name: "翠湖生鲜超市（五华店）",
        zone: Some("一层东门"),
        category_zh: "超市",
        category_en: "supermarket",
        direction,
        platform: None,
        url: URL,
        short_code: "WMWMW6789ABCDEFGHJKQ",
        hotline: "0871-12345",
        operation: "昆明市疫情防控指挥部",
        version: 3,
        printed_on: NaiveDate::from_ymd_opt(2020, 2, 20).unwrap(),
    }
}

fn every_form() -> Vec<(Size, Language, Direction)> {
    let mut forms = Vec::new();
    for size in Size::ALL {
        for language in Language::ALL {
            forms.extend(Direction::ALL.iter().map(|direction| (*size, *language, *direction)));
        }
    }
    forms
}

/// Checks every form, one thread for each size and language.
fn side_by_side(check: impl Fn(Size, Language, Direction) + Sync) {
    std::thread::scope(|scope| {
        for forms in every_form().chunks(Direction::ALL.len()) {
            let (check, forms) = (&check, forms.to_vec());
            scope.spawn(move || {
                forms.into_iter().for_each(|(size, language, direction)| check(size, language, direction))
            });
        }
    });
}

/// Whether a test can run here; says why not.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen in the test log")]
fn ready(missing: Option<String>) -> bool {
    let Some(missing) = missing else { return true };
    assert!(std::env::var_os("MASHANG_TESTS_REQUIRE_ALL").is_none(), "required for this test: {missing}");
    eprintln!("skipped: {missing}");
    false
}

fn have(tools: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |tool: &str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing = tools.iter().find(|tool| !found(tool));
    ready(missing.map(|tool| format!("{tool} is not installed")))
}

fn fonts() -> Option<Fonts> {
    let fonts = Fonts::load(None);
    let missing = fonts.check().err().map(|error| error.to_string());
    ready(missing).then_some(fonts)
}

fn run(tool: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(tool).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{tool} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every QR that rqrr finds in a PNG.
fn decoded_by_rqrr(png: &[u8]) -> Vec<String> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let (width, height, samples) = (info.width as usize, info.height as usize, info.color_type.samples());
    let luma = |x, y| pixels[(y * width + x) * samples];
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, luma);
    picture.detect_grids().iter().filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect()
}

fn decoded_by_zbar(file: &str, folder: &Path) -> String {
    run("zbarimg", &["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file], folder).trim().to_owned()
}

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn every_png_is_read_by_a_phone() {
    let Some(fonts) = fonts() else { return };
    side_by_side(|size, language, direction| {
        let png = render(&poster(direction), size, language, Format::Png, &fonts).unwrap();
        assert_eq!(decoded_by_rqrr(&png), [URL], "{size} {language} {direction}");
    });
}

#[test]
fn a_png_knows_the_size_of_its_paper() {
    let Some(fonts) = fonts() else { return };
    for (size, width_mm) in [(Size::A4, 210.0), (Size::A5, 148.0), (Size::Sticker, 60.0)] {
        let png = render(&poster(Direction::In), size, Language::Both, Format::Png, &fonts).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
        let info = reader.info();
        let mm = f64::from(info.width) * 1000.0 / f64::from(info.pixel_dims.unwrap().xppu);
        assert!((mm - width_mm).abs() < 0.2, "{size}: {mm} mm");
    }
}

#[test]
fn every_pdf_is_read_from_paper() {
    let Some(fonts) = fonts() else { return };
    if !have(&["pdftoppm", "zbarimg"]) {
        return;
    }
    side_by_side(|size, language, direction| {
        let folder = tempfile::tempdir().unwrap();
        let pdf = render(&poster(direction), size, language, Format::Pdf, &fonts).unwrap();
        std::fs::write(folder.path().join("p.pdf"), pdf).unwrap();
        let width = ["-scale-to-x", "800", "-scale-to-y", "-1"];
        run(
            "pdftoppm",
            &[&width[..], &["-gray", "-png", "-singlefile", "p.pdf", "p"]].concat(),
            folder.path(),
        );
        assert_eq!(decoded_by_zbar("p.png", folder.path()), URL, "{size} {language} {direction}");
    });
}

#[test]
fn every_svg_is_read_from_a_screen() {
    if !have(&["rsvg-convert", "zbarimg"]) {
        return;
    }
    side_by_side(|size, language, direction| {
        let folder = tempfile::tempdir().unwrap();
        let svg = render(&poster(direction), size, language, Format::Svg, &Fonts::empty()).unwrap();
        std::fs::write(folder.path().join("p.svg"), svg).unwrap();
        run(
            "rsvg-convert",
            &["--width", "800", "--keep-aspect-ratio", "--output", "p.png", "p.svg"],
            folder.path(),
        );
        assert_eq!(decoded_by_zbar("p.png", folder.path()), URL, "{size} {language} {direction}");
        let png = std::fs::read(folder.path().join("p.png")).unwrap();
        assert_eq!(decoded_by_rqrr(&png), [URL], "{size} {language} {direction}");
    });
}

#[test]
fn the_small_qr_for_pages_is_read() {
    if !have(&["rsvg-convert"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("q.svg"), qr_svg(URL).unwrap()).unwrap();
    run("rsvg-convert", &["--width", "294", "--output", "q.png", "q.svg"], folder.path());
    assert_eq!(decoded_by_rqrr(&std::fs::read(folder.path().join("q.png")).unwrap()), [URL]);
}

#[test]
fn a_pdf_has_the_size_of_its_paper_and_one_page() {
    let Some(fonts) = fonts() else { return };
    if !have(&["pdfinfo"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let papers =
        [(Size::A4, "(A4)"), (Size::A5, "419.528 x 595.276 pts"), (Size::Sticker, "170.079 x 226.772 pts")];
    for (size, paper) in papers {
        let pdf = render(&poster(Direction::Out), size, Language::Both, Format::Pdf, &fonts).unwrap();
        std::fs::write(folder.path().join("p.pdf"), pdf).unwrap();
        let info = run("pdfinfo", &["p.pdf"], folder.path());
        assert!(info.contains(paper), "{size}: {info}");
        assert!(info.lines().any(|line| line.starts_with("Pages:") && line.ends_with(" 1")), "{info}");
        assert!(info.contains("翠湖生鲜超市（五华店）"), "the title names the venue: {info}");
    }
}

#[test]
fn the_text_of_a_pdf_can_be_searched_and_its_fonts_travel_with_it() {
    let Some(fonts) = fonts() else { return };
    if !have(&["pdftotext", "pdffonts"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (size, language, direction) in every_form() {
        let pdf = render(&poster(direction), size, language, Format::Pdf, &fonts).unwrap();
        assert!(pdf.len() < 200_000, "{} bytes: the font is a subset", pdf.len());
        std::fs::write(folder.path().join("p.pdf"), pdf).unwrap();
        let text = without_space(&run("pdftotext", &["-layout", "p.pdf", "-"], folder.path()));
        for expected in ["翠湖生鲜超市（五华店）", "WMWMW-6789A-BCDEF-GHJKQ", "0871-12345"] {
            assert!(text.contains(expected), "{size} {language} {direction}: {expected} not in {text}");
        }
        let listed = run("pdffonts", &["p.pdf"], folder.path());
        assert!(listed.lines().count() > 2, "{listed}");
        for font in listed.lines().skip(2) {
            let columns: Vec<&str> = font.split_whitespace().rev().collect();
            assert_eq!(columns[2..5], ["yes", "yes", "yes"], "embedded, subset, unicode: {listed}");
        }
    }
}

#[test]
fn a_long_name_still_gives_a_code_that_is_read() {
    let Some(fonts) = fonts() else { return };
    let long = Poster { venue_name: LONG, ..poster(Direction::In) };
    for size in Size::ALL {
        let png = render(&long, *size, Language::Both, Format::Png, &fonts).unwrap();
        assert_eq!(decoded_by_rqrr(&png), [URL], "{size}");
    }
}

#[test]
fn a_character_that_no_font_has_is_named() {
    let Some(fonts) = fonts() else { return };
    let rare = Poster { venue_name: "店\u{10FFFD}", ..poster(Direction::In) };
    for format in [Format::Pdf, Format::Png] {
        let answer = render(&rare, Size::A4, Language::Zh, format, &fonts);
        assert_eq!(answer, Err(RenderError::GlyphMissing { character: '\u{10FFFD}' }));
    }
    let message = RenderError::GlyphMissing { character: '\u{10FFFD}' }.to_string();
    assert!(message.contains("U+10FFFD"), "{message}");
}

#[test]
fn a_character_that_the_chinese_font_lacks_comes_from_another_font() {
    let Some(fonts) = fonts() else { return };
    if !have(&["pdftotext", "pdffonts"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // An Armenian name: in DejaVu and many other fonts, in no Chinese one.
    let poster = Poster { venue_name: "Երևան 餐厅", ..poster(Direction::In) };
    let pdf = match render(&poster, Size::A5, Language::Zh, Format::Pdf, &fonts) {
        Err(RenderError::GlyphMissing { .. }) if !ready(Some("a font with Armenian letters".to_owned())) => {
            return;
        }
        answer => answer.unwrap(),
    };
    std::fs::write(folder.path().join("p.pdf"), pdf).unwrap();
    let text = run("pdftotext", &["p.pdf", "-"], folder.path());
    assert!(text.contains("Երևան"), "{text}");
    assert!(run("pdffonts", &["p.pdf"], folder.path()).lines().count() >= 4, "two fonts are embedded");
}

#[test]
fn without_a_chinese_font_svg_works_and_the_rest_names_the_packages() {
    for format in [Format::Pdf, Format::Png] {
        let error =
            render(&poster(Direction::In), Size::A4, Language::Both, format, &Fonts::empty()).unwrap_err();
        assert_eq!(error, RenderError::FontMissing);
        let message = error.to_string();
        assert!(message.contains("fonts-noto-cjk") && message.contains("fonts-wqy-microhei"), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Fonts::only(folder.path()).check(), Err(RenderError::FontMissing));
    let svg = render(&poster(Direction::In), Size::A4, Language::Both, Format::Svg, &Fonts::empty()).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    assert!(svg.contains("翠湖生鲜超市（五华店）") && svg.contains("WMWMW-6789A-BCDEF-GHJKQ"));
}

#[test]
fn the_same_poster_is_the_same_file() {
    let Some(fonts) = fonts() else { return };
    for format in Format::ALL {
        let once = render(&poster(Direction::Out), Size::A5, Language::Both, *format, &fonts).unwrap();
        let twice = render(&poster(Direction::Out), Size::A5, Language::Both, *format, &fonts).unwrap();
        assert!(once == twice, "{format}");
    }
}
