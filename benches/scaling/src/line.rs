//! A cache line that several cores use: it is with one of them at a time, and to go to another costs.

use crate::machine::Costs;

/// One line that is written, a lock's or a counter's.
#[derive(Debug)]
pub(crate) struct Line {
    free_at: u64,
    owner: Option<usize>,
    /// How often it was written, and which write each core has seen.
    version: u32,
    seen: Vec<u32>,
    busy: u64,
}

impl Line {
    pub(crate) fn new(cores: usize) -> Line {
        Line { free_at: 0, owner: None, version: 1, seen: vec![0; cores], busy: 0 }
    }

    /// A core changes the line, and keeps it to itself for `hold` ns more. Returns when it is done: others that
    /// came before are served first.
    pub(crate) fn write(&mut self, core: usize, now: u64, costs: &Costs, hold: u64) -> u64 {
        let start = now.max(self.free_at);
        let fetch = if self.owner == Some(core) { costs.own } else { costs.transfer };
        let end = start + fetch + hold;
        self.free_at = end;
        self.owner = Some(core);
        self.version += 1;
        self.seen[core] = self.version;
        self.busy += end - start;
        end
    }

    /// A core looks at the line. Readers share it until the next write.
    pub(crate) fn read(&mut self, core: usize, now: u64, costs: &Costs) -> u64 {
        if self.seen[core] == self.version {
            return now + costs.look;
        }
        self.seen[core] = self.version;
        // The writer has to fetch it back.
        self.owner = None;
        now.max(self.free_at) + costs.transfer
    }

    /// How long it was in use, in ns.
    pub(crate) fn busy(&self) -> u64 {
        self.busy
    }
}

#[cfg(test)]
mod tests {
    use super::Line;
    use crate::machine::Costs;

    const COSTS: Costs =
        Costs { look: 1, own: 5, transfer: 100, hold: 30, wake: 1_000, until_awake: 5_000 };

    #[test]
    fn who_has_the_line_pays_little() {
        let mut line = Line::new(2);
        assert_eq!(line.write(0, 0, &COSTS, 0), 100);
        assert_eq!(line.write(0, 100, &COSTS, 0), 105);
        assert_eq!(line.write(1, 105, &COSTS, 0), 205);
    }

    #[test]
    fn who_comes_meanwhile_waits() {
        let mut line = Line::new(3);
        assert_eq!(line.write(0, 0, &COSTS, 30), 130);
        assert_eq!(line.write(1, 10, &COSTS, 30), 260);
        assert_eq!(line.write(2, 20, &COSTS, 30), 390);
        assert_eq!(line.busy(), 390);
    }

    #[test]
    fn readers_share_it() {
        let mut line = Line::new(2);
        line.write(0, 0, &COSTS, 0);
        assert_eq!(line.read(1, 200, &COSTS), 300);
        assert_eq!(line.read(1, 300, &COSTS), 301);
        assert_eq!(line.write(0, 400, &COSTS, 0), 500, "it is shared, and must be fetched back");
    }
}
