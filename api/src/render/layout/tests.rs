//! Nothing leaves the page, nothing lies on anything else, whatever the venue is called.

use chrono::NaiveDate;
use mashang_domain::venue::Direction;

use super::super::drawing::{Area, Item};
use super::super::estimate::Estimate;
use super::super::fonts::Fonts;
use super::*;

const NAMES: &[&str] = &[
    "翠湖超市",
    "A",
    "云南省昆明市五华区翠湖南路街道社区卫生服务中心第三门诊部发热预检分诊处暨新冠疫苗临时接种点东侧二号入口大厅及地下停车场联络通道",
    "KunmingChangshuiInternationalAirportTerminalOneDomesticArrivalsHallNumberThreeNorthGateAndCarPark",
    "昆明(Kunming)万达广场WANDA-PLAZA三楼3F-0318号（原A座）·IMAX影城Cinema与儿童乐园KidsPark联合入口，请走左侧通道",
    "The Greenlake International Convention and Exhibition Centre, Building Number One, North Entrance",
];

fn poster(venue_name: &str, direction: Direction) -> Poster<'_> {
    Poster {
        venue_name,
        zone: Some("三号航站楼国内到达层东侧出口"),
        category_zh: "体育场馆",
        category_en: "entertainment",
        direction,
        platform: None,
        url: "https://ma.kunming.example.cn/v/0123456789ABCDEFGHJK/in",
        short_code: "WMWMW6789ABCDEFGHJKQ",
        hotline: "0871-12345（24小时）",
        operation: "昆明市新型冠状病毒肺炎疫情防控工作领导小组指挥部办公室",
        version: 12,
        printed_on: NaiveDate::from_ymd_opt(2020, 2, 20).unwrap(),
    }
}

fn every_drawing(measure: &dyn Measure, check: impl Fn(&Drawing, &str)) {
    for name in NAMES {
        for direction in Direction::ALL {
            for size in Size::ALL {
                for language in Language::ALL {
                    let drawing = lay_out(&poster(name, *direction), *size, *language, measure).unwrap();
                    check(&drawing, &format!("{size} {language} {direction} {name}"));
                }
            }
        }
    }
}

fn solid(drawing: &Drawing) -> Vec<(Area, String)> {
    let area = |item: &Item| match item {
        Item::Text(text) => Some((text.area(), text.content.clone())),
        Item::Qr { area, .. } | Item::Picture { area, .. } => Some((*area, "QR".to_owned())),
        Item::Shape { .. } | Item::Polygon { .. } => None,
    };
    drawing.items.iter().filter_map(area).collect()
}

fn inside_and_apart(drawing: &Drawing, context: &str) {
    let boxes = solid(drawing);
    let page = Area::new(0.0, 0.0, drawing.width, drawing.height).inset(4.0);
    for (area, what) in &boxes {
        let inside = area.x >= page.x
            && area.y >= page.y
            && area.right() <= page.right()
            && area.bottom() <= page.bottom();
        assert!(inside, "{what} leaves the page: {area:?} ({context})");
    }
    for (n, (a, what)) in boxes.iter().enumerate() {
        for (b, other) in &boxes[n + 1..] {
            let apart =
                a.right() <= b.x || b.right() <= a.x || a.bottom() <= b.y + 1.0 || b.bottom() <= a.y + 1.0;
            assert!(apart, "{what} {a:?} lies on {other} {b:?} ({context})");
        }
    }
}

#[test]
fn every_line_stays_on_the_page_and_clear_of_the_others() {
    every_drawing(&Estimate, inside_and_apart);
    let fonts = Fonts::load(None);
    if fonts.check().is_ok() {
        every_drawing(&fonts, inside_and_apart);
    }
}

#[test]
fn the_code_is_large_enough_to_scan() {
    every_drawing(&Estimate, |drawing, context| {
        let qr = drawing.items.iter().find_map(|item| match item {
            Item::Qr { area, modules } => Some(area.width / modules.side() as f32),
            Item::Shape { .. } | Item::Polygon { .. } | Item::Text(_) | Item::Picture { .. } => None,
        });
        let module_mm = qr.unwrap() * drawing.scale * 25.4 / 72.0;
        assert!(module_mm >= 0.6, "{module_mm} mm ({context})");
    });
}

#[test]
fn a_long_name_keeps_all_its_characters_in_at_most_three_lines() {
    every_drawing(&Estimate, |drawing, context| {
        let lines: Vec<String> = solid(drawing).into_iter().map(|b| b.1.replace(' ', "")).collect();
        let name: String = NAMES.iter().find(|n| context.ends_with(*n)).unwrap().replace(' ', "");
        let whole = (1..=3).any(|n| lines.windows(n).any(|w| w.concat() == name));
        assert!(whole, "{context}: {lines:?}");
    });
}

#[test]
fn white_space_in_a_name_is_one_space_everywhere() {
    let poster = Poster { zone: Some("  "), ..poster("翠湖\u{b}\n 超市", Direction::In) };
    let drawing = lay_out(&poster, Size::A4, Language::Zh, &Estimate).unwrap();
    assert_eq!(drawing.title, "翠湖 超市 · 入场扫码");
    assert!(solid(&drawing).iter().any(|(_, text)| text == "翠湖 超市"));
    assert!(solid(&drawing).iter().all(|(_, text)| !text.contains("区域")), "an empty zone is none");
}
