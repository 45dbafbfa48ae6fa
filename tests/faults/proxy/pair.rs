//! One connection through the proxy: two sockets, and the bytes between them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{AtCommit, Order, Shared};

/// A COMMIT as the client sends it: a simple query.
const COMMIT: &[u8] = b"COMMIT\0";
/// The server's answer to it begins with this tag.
const COMMITTED: &[u8] = b"COMMIT\0";

/// Serves one client of the proxy to its end.
pub(super) async fn pass(client: TcpStream, second: bool, shared: Arc<Shared>) {
    let mut orders = shared.orders.subscribe();
    orders.mark_unchanged();
    let Ok(server) = TcpStream::connect(("127.0.0.1", shared.upstream)).await else { return reset(&client) };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let mut pair = Pair { client, server, shared };
    let swallow = tokio::select! {
        _ = pair.exchange() => false,
        order = told(&mut orders, second) => order != Order::Reset,
    };
    if swallow {
        pair.swallow(&mut orders).await;
    }
    // Either end of a connection that broke is told so at once.
    reset(&pair.client);
    reset(&pair.server);
}

/// The next order to this connection, which is a second one or not.
async fn told(orders: &mut watch::Receiver<(u64, Order)>, second: bool) -> Order {
    loop {
        let order = match orders.changed().await {
            Ok(()) => orders.borrow_and_update().1,
            Err(_) => Order::Reset,
        };
        if second || order != Order::SwallowHalf {
            return order;
        }
    }
}

/// Closing will now send RST.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

struct Pair {
    client: TcpStream,
    server: TcpStream,
    shared: Arc<Shared>,
}

impl Pair {
    /// Passes bytes on until one side ends or a cut is due.
    async fn exchange(&mut self) -> std::io::Result<()> {
        let (mut up, mut down) = (vec![0; 16_384], vec![0; 16_384]);
        loop {
            tokio::select! {
                biased;
                read = self.client.read(&mut up) => match read? {
                    0 => return Ok(()),
                    n => if !self.forward(&up[..n]).await? { return Ok(()) },
                },
                read = self.server.read(&mut down) => match read? {
                    0 => return Ok(()),
                    n => {
                        self.wait().await;
                        self.client.write_all(&down[..n]).await?;
                    }
                },
            }
        }
    }

    /// False when the connection is to be cut.
    async fn forward(&mut self, bytes: &[u8]) -> std::io::Result<bool> {
        self.wait().await;
        let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let left = self.shared.fuse.load(Ordering::Relaxed);
        if left >= 0 && self.shared.fuse.fetch_sub(length, Ordering::Relaxed) < length {
            self.shared.fuse.store(-1, Ordering::Relaxed);
            let some = usize::try_from(left).unwrap_or(0).min(bytes.len());
            self.server.write_all(&bytes[..some]).await?;
            return Ok(self.cut());
        }
        if !bytes.windows(COMMIT.len()).any(|w| w == COMMIT) {
            return self.server.write_all(bytes).await.map(|()| true);
        }
        let at = self.shared.at_commit.load(Ordering::Relaxed);
        let turn = self.shared.commits.fetch_add(1, Ordering::Relaxed);
        if at == AtCommit::Pass as u32 || !turn.is_multiple_of(self.shared.every.load(Ordering::Relaxed)) {
            return self.server.write_all(bytes).await.map(|()| true);
        }
        if at == AtCommit::CutAfter as u32 {
            self.server.write_all(bytes).await?;
            self.committed().await?;
        }
        Ok(self.cut())
    }

    fn cut(&self) -> bool {
        self.shared.cuts.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// Reads until the server has committed.
    async fn committed(&mut self) -> std::io::Result<()> {
        let mut seen = Vec::new();
        while !seen.windows(COMMITTED.len()).any(|w| w == COMMITTED) {
            if self.server.read_buf(&mut seen).await? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Takes what either side says and passes nothing on, until the client gives up or everything is reset.
    async fn swallow(&mut self, orders: &mut watch::Receiver<(u64, Order)>) {
        let mut waste = vec![0; 16_384];
        loop {
            tokio::select! {
                read = self.client.read(&mut waste) => if read.map_or(true, |n| n == 0) { return },
                order = told(orders, true) => if order == Order::Reset { return },
            }
        }
    }

    async fn wait(&self) {
        let delay = self.shared.delay_us.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_micros(delay)).await;
        }
    }
}
