//! Smoke.
use sortie_scheduler::*;
use std::time::*;
fn t<R>(name: &str, f: impl FnOnce() -> R) -> R {
    let s = Instant::now();
    let r = f();
    eprintln!("{name}: {:?}", s.elapsed());
    r
}
#[test]
fn smoke() {
    for w in [1, 2, 4] {
        let s = Config::new().workers(w).start().unwrap();
        assert_eq!(s.spawn(|| 6 * 7).join().unwrap(), 42);
        let r = t("spawnseq 100k", || {
            s.spawn(|| {
                let mut a = 0u64;
                for i in 0..100_000u64 {
                    a += spawn_current(Spawn::new(), move || i).ok().unwrap().join().unwrap();
                }
                a
            })
            .join()
            .unwrap()
        });
        assert_eq!(r, 100_000 * 99_999 / 2);
        t("batch", || {
            let hs: Vec<_> = (0..100_000u64)
                .map(|i| {
                    s.spawn(move || {
                        yield_now();
                        i
                    })
                })
                .collect();
            let n: u64 = hs.into_iter().map(|h| h.join().unwrap()).sum();
            assert_eq!(n, 100_000 * 99_999 / 2);
        });
        t("sleep", || {
            let hs: Vec<_> = (0..1000u64)
                .map(|i| {
                    s.spawn(move || {
                        sleep(Duration::from_millis(5));
                        i
                    })
                })
                .collect();
            hs.into_iter().for_each(|h| {
                h.join().unwrap();
            });
        });
        t("native", || {
            let hs: Vec<_> = (0..1000u64)
                .map(|i| {
                    s.spawn(move || {
                        assert!(crossing::leave(1));
                        unsafe {
                            on_carrier_stack(|| std::thread::sleep(Duration::from_millis(10)))
                        };
                        crossing::come_back().unwrap();
                        i
                    })
                })
                .collect();
            hs.into_iter().for_each(|h| {
                h.join().unwrap();
            });
        });
        let st = s.stats();
        eprintln!("{st:?}");
        let e = s.spawn(|| panic!("boo")).join();
        assert!(e.is_err());
        let h = s.spawn(|| sleep(Duration::from_secs(1000)));
        std::thread::sleep(Duration::from_millis(20));
        let rep = t("shutdown", || s.shutdown(Duration::from_secs(5)).unwrap());
        eprintln!("{rep}");
        assert!(rep.is_clean());
        eprintln!("{:?}", h.join());
        eprintln!("{:?}", s.stats().stacks);
    }
}
