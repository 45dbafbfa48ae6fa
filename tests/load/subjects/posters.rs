//! QR codes and posters on one core, and an archive of a thousand posters over HTTP.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use chrono::NaiveDate;
use fast_qr::ECL;
use fast_qr::qr::QRBuilder;
use mashang_api::render::{Fonts, Format, Language, Poster, Size, qr_svg, render};
use mashang_domain::venue::Direction;
use mashang_infra::clock::Clock;
use mashang_tests::figures::Figures;
use mashang_tests::place::Form;

use crate::context::{Ctx, progress};
use crate::product::{Product, Wanted};
use crate::report::{Goal, Row, Section};
use crate::servers::connect;
use crate::{cpu, population, staff};

/// What a printed code says: 60 characters.
const URL: &str = "https://ma.kunming.example.cn/v/WMWMW6789ABCDEFGHJKQ00/in?z1";

/// Venues of the archive, two posters each; and of a smaller one, whose memory is compared.
const VENUES: usize = 500;
const FEW: usize = 50;

/// How long one kind of code or poster is made.
const SPAN: Duration = Duration::from_secs(2);

pub async fn run(ctx: &Ctx) -> anyhow::Result<Section> {
    let mut section = Section::new("Posters");
    let fonts = Fonts::load(None);
    fonts.check()?;
    // One core: what is measured runs on this thread alone.
    tokio::task::block_in_place(|| drawn(ctx, &fonts, &mut section))?;
    archives(ctx, &mut section).await?;
    section.note(
        "Codes and posters are drawn one after the other on one thread. The archive is `GET /venues/posters.zip` of the \
         service with fonts loaded: a ZIP of A4 PDFs, in and out, streamed while it is made; the time is that to its last \
         byte, CPU that of the api, memory its VmHWM less what it held before the first archive.",
    );
    Ok(section)
}

fn drawn(ctx: &Ctx, fonts: &Fonts, section: &mut Section) -> anyhow::Result<()> {
    let (mut bare, mut svg) = (Figures::default(), Figures::default());
    let forms = [Format::Pdf, Format::Svg, Format::Png];
    let mut posters = [Figures::default(), Figures::default(), Figures::default()];
    for _ in 0..ctx.rounds {
        bare.push(rate(|| {
            black_box(QRBuilder::new(URL).ecl(ECL::Q).build().ok().context("a code")?);
            Ok(())
        })?);
        svg.push(rate(|| {
            black_box(qr_svg(URL)?);
            Ok(())
        })?);
        for (format, figures) in forms.into_iter().zip(&mut posters) {
            figures.push(
                1_000.0
                    / rate(|| {
                        black_box(render(&poster(), Size::A4, Language::Both, format, fonts)?);
                        Ok(())
                    })?,
            );
        }
    }
    section.push(Row::new("bare fast_qr: the matrix", "codes/s", bare.clone()));
    section
        .push(Row::new("QR as SVG", "codes/s", svg).against("bare fast_qr", &bare).goal(Goal::AtLeast(0.7)));
    let goals = [Some(Goal::AtMost(5.0)), None, None];
    for ((format, figures), goal) in forms.into_iter().zip(posters).zip(goals) {
        let row = Row::new(format!("A4 poster as {}", format.to_string().to_uppercase()), "ms", figures);
        section.push(match goal {
            Some(goal) => row.goal(goal),
            None => row,
        });
    }
    Ok(())
}

/// How often a second.
fn rate(mut make: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    make()?;
    let (begun, mut made) = (Instant::now(), 0);
    while begun.elapsed() < SPAN {
        make()?;
        made += 1;
    }
    Ok(f64::from(made) / begun.elapsed().as_secs_f64())
}

fn poster() -> Poster<'static> {
    Poster {
        venue_name: "翠湖生鲜超市（五华店）",
        zone: Some("一层东门"),
        category_zh: "超市",
        category_en: "supermarket",
        direction: Direction::In,
        platform: None,
        url: URL,
        short_code: "WMWMW6789ABCDEFGHJKQ",
        hotline: "0871-12345",
        operation: "昆明市疫情防控指挥部",
        version: 3,
        printed_on: NaiveDate::default(),
    }
}

async fn archives(ctx: &Ctx, section: &mut Section) -> anyhow::Result<()> {
    let (mut seconds, mut busy) = (Figures::default(), Figures::default());
    let (mut few, mut many) = (Figures::default(), Figures::default());
    for round in 1..=ctx.rounds {
        for (venues, memory) in [(FEW, &mut few), (VENUES, &mut many)] {
            let wanted =
                Wanted { form: Form::Service, name: "posters", sections: "", changes: &[], notifier: false };
            let product = Product::start(&ctx.servers, &wanted).await?;
            let db = connect(&product.database_url, 1).await?;
            population::places(&db, &population::keys(&product.keys_file())?, venues, Clock::system().now())
                .await?;
            let official = staff::signed_in(&product, "official").await?;
            let (before, cpu) = (cpu::peak_mb(product.api.id()), cpu::seconds(product.api.id()));
            let begun = Instant::now();
            let archive = official.get("/venues/posters.zip").await;
            if venues == VENUES {
                seconds.push(begun.elapsed().as_secs_f64());
                busy.push(cpu::seconds(product.api.id()) - cpu);
            }
            memory.push(cpu::peak_mb(product.api.id()) - before);
            // The end of a ZIP tells how many files it has.
            let end = archive.body.len().checked_sub(22).context("an archive")?;
            let files = u16::from_le_bytes([archive.body[end + 10], archive.body[end + 11]]);
            ensure!(
                archive.status == 200 && usize::from(files) == 2 * venues,
                "{files} posters: {}",
                archive.status
            );
            db.close().await?;
            product.stop(&ctx.servers).await?;
        }
        progress(format!("posters: round {round}: {} posters in {:?} s", 2 * VENUES, seconds.0));
    }
    section.push(Row::new("1,000 posters as a ZIP", "s", seconds).goal(Goal::AtMost(6.0)));
    section.push(Row::new("1,000 posters as a ZIP, CPU of the api", "s", busy).goal(Goal::AtMost(6.0)));
    section.push(Row::new("memory for an archive of 100 posters", "MB", few));
    section.push(Row::new("memory for an archive of 1,000 posters", "MB", many));
    Ok(())
}
