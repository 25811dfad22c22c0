//! NATS that takes a connection and then answers nothing, as a cluster without a leader does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use offhook::journal::{NatsSettings, Position, Unkept};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::cast::journal;
use crate::world::{any_port, within_reason};

/// A server that keeps its connections alive and passes on nothing.
struct Mute {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Mute {
    async fn starts() -> Self {
        let listener = TcpListener::bind(any_port()).await.expect("a port");
        let url = format!("nats://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((peer, _)) = listener.accept().await {
                // The peer may go whenever it likes.
                tokio::spawn(Self::listens(peer, Arc::clone(&counted)));
            }
        });
        Self { url, asked }
    }

    async fn listens(peer: TcpStream, asked: Arc<AtomicUsize>) -> std::io::Result<()> {
        let (read, mut write) = peer.into_split();
        let about = r#"{"server_id":"mute","version":"2.9.10","go":"","host":"127.0.0.1","port":1,"proto":1,"headers":true,"max_payload":1048576,"client_id":1}"#;
        write.write_all(format!("INFO {about}\r\n").as_bytes()).await?;
        let (mut read, mut line) = (BufReader::new(read), String::new());
        while read.read_line(&mut line).await? > 0 {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("PING") => write.write_all(b"PONG\r\n").await?,
                Some("PUB" | "HPUB") => {
                    asked.fetch_add(usize::from(line.contains("$JS.API.")), Ordering::Relaxed);
                    let length: usize = words.last().and_then(|length| length.parse().ok()).expect("a length");
                    read.read_exact(&mut vec![0; length + 2]).await?;
                }
                _ => {}
            }
            line.clear();
        }
        Ok(())
    }

    /// How many questions about streams it was asked.
    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spill_file_waits_for_no_answer_of_nats() {
    const EVENTS: usize = 12;
    let mute = Mute::starts().await;
    let (journal, _directory) = journal(NatsSettings::at(&mute.url).expect("a URL")).await;
    assert!(journal.is_degraded());
    let before = mute.asked();
    for _ in 0..EVENTS {
        let event = crate::deliver::event("call.start", "{}");
        assert_eq!(within_reason(journal.append(event, None)).await.expect_err("nobody takes it"), Unkept::Spilled);
    }
    // An answer is waited for for seconds, by two who ask: where events waited for it too, more questions were asked.
    let asked = mute.asked() - before;
    assert!(asked <= 4, "{asked} questions were asked meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_nats_once_and_not_for_each_handler() {
    let mute = Mute::starts().await;
    let (journal, _directory) = journal(NatsSettings::at(&mute.url).expect("a URL")).await;
    let before = mute.asked();
    let registering = tokio::task::spawn_blocking(move || {
        for number in 0..12 {
            let place = journal.lanes().register(&format!("handler-{number}")).expect("registered");
            assert_eq!(place, Position::default());
        }
    });
    registering.await.expect("no panic");
    let asked = mute.asked() - before;
    assert!(asked <= 4, "{asked} questions were asked meanwhile");
}
