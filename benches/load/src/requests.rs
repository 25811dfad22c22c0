//! Callbacks, signed with the time at which they are sent.
//!
//! A request is one template with four places filled in, and its MD5 is made before the clock starts, so that sending costs the
//! client next to nothing on the cores it shares with the server, and the same requests can be sent to each server of a pair.
//! Only the CheckSum is made on sending: a platform does not sign the requests of seconds with one time, and what a receiver
//! remembers of requests is ordered by theirs.

use std::ops::Range;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use md5::Md5;
use sha1::{Digest, Sha1};

/// The app that offhook is configured with here.
pub(crate) const APP_KEY: &str = "5f0c1e7a9b3d4c62a8e0f1b2c3d4e5f6";
/// Its secret.
pub(crate) const APP_SECRET: &str = "9c41d7e0b25a";

/// The documented call callback, 331 bytes; its `timestamp` counts, so that no two requests are the same.
const BODY: &str = r#"{"callType":2,"eventType":20,"forceKeepCalling":true,"fromAccount":"rss02","fromClientIp":"240e:e8:f012:6fc1:ec15:1366:3ccb:2f18","fromClientPort":"50867","fromClientType":"IOS","fromDeviceId":"727EDBAF-AF84-42AE-9E09-EE586CCBCF2D","notifyAttach":"音视频请求扩展信息","timestamp":"1573459861008","toAccountList":["rss01"]}"#;
const FIRST: u64 = 1_573_459_861_008;
const ZEROS: &str = "0000000000000000000000000000000000000000";

/// Requests that were never sent before.
pub(crate) struct Requests {
    template: Vec<u8>,
    number: Range<usize>,
    cur_time: Range<usize>,
    md5: Range<usize>,
    check_sum: Range<usize>,
    first: u64,
    /// In hex, of each body.
    digests: Vec<[u8; 32]>,
    /// A moment, and the same in milliseconds since 1970.
    clock: (Instant, u64),
}

impl Requests {
    /// Makes `count` requests. `first` is the running number of the first one: each number is used once.
    pub(crate) fn make(first: u64, count: usize) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let clock = (Instant::now(), u64::try_from(since_1970).unwrap_or(0));
        let template = format!(
            "POST /receiveMsg.action HTTP/1.1\r\nHost: 127.0.0.1\r\nAppKey: {APP_KEY}\r\nCurTime: {}\r\n\
             MD5: {}\r\nCheckSum: {ZEROS}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
            &ZEROS[..13],
            &ZEROS[..32],
            BODY.len()
        );
        let at = |what: &str, length: usize| {
            let start = template.find(what).map_or(0, |start| start + what.len());
            start..start + length
        };
        let (number, cur_time) = (at("\"timestamp\":\"", 13), at("\r\nCurTime: ", 13));
        let (md5, check_sum) = (at("\r\nMD5: ", 32), at("\r\nCheckSum: ", 40));
        let body_at = template.len() - BODY.len();
        let (template, digests) = (template.into_bytes(), Vec::with_capacity(count));
        let mut requests = Self { template, number, cur_time, md5, check_sum, first, digests, clock };
        for index in 0..count {
            write_number(&mut requests.template[requests.number.clone()], FIRST + first + index as u64);
            let mut digest = [0; 32];
            // Sixteen bytes make exactly what this holds.
            let _ = hex::encode_to_slice(Md5::digest(&requests.template[body_at..]), &mut digest);
            requests.digests.push(digest);
        }
        requests
    }

    pub(crate) fn len(&self) -> usize {
        self.digests.len()
    }

    /// The bytes of one of them, to be sent `now` as they are.
    pub(crate) fn bytes(&mut self, index: usize, now: Instant) -> &[u8] {
        let (then, millis) = self.clock;
        let millis = millis + u64::try_from(now.saturating_duration_since(then).as_millis()).unwrap_or(0);
        let template = &mut self.template;
        write_number(&mut template[self.number.clone()], FIRST + self.first + index as u64);
        write_number(&mut template[self.cur_time.clone()], millis);
        template[self.md5.clone()].copy_from_slice(&self.digests[index]);
        let signed = Sha1::new().chain_update(APP_SECRET).chain_update(self.digests[index]);
        let check_sum = signed.chain_update(&template[self.cur_time.clone()]).finalize();
        // Twenty bytes make exactly what this place holds.
        let _ = hex::encode_to_slice(check_sum, &mut template[self.check_sum.clone()]);
        template
    }
}

fn write_number(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_request_is_another_one_and_is_signed_as_the_platform_signs() {
        let mut requests = Requests::make(7, 3);
        let now = Instant::now() + Duration::from_secs(2);
        let all = [0, 1, 2].map(|index| String::from_utf8(requests.bytes(index, now).to_vec()).unwrap());
        assert!(all[0] != all[1] && all[1] != all[2]);
        for (index, request) in all.iter().enumerate() {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            assert_eq!(body.len(), 331);
            assert!(body.contains(&format!("\"{}\"", FIRST + 7 + index as u64)), "{body}");
            assert_eq!(header("Content-Length: "), "331");
            assert_eq!(header("MD5: "), hex::encode(Md5::digest(body)));
            let sum = format!("{APP_SECRET}{}{}", header("MD5: "), header("CurTime: "));
            assert_eq!(header("CheckSum: "), hex::encode(Sha1::digest(sum)));
            let sent: u64 = header("CurTime: ").parse().unwrap();
            assert!((2000..60_000).contains(&(sent - requests.clock.1)), "{sent}");
        }
    }
}
