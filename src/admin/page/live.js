// The live stream: begins where the list ends, begins again where it broke off, and never stays deaf.

/** Without a word for so long, the line is taken for dead. The server speaks every 5 s. */
const SILENCE = 13_000;

export class Live {
  #source = null;
  #watch = null;
  #heard = 0;
  #stopped = true;

  /** `on`: { events, roads, gap, state(word) }; `query()` gives the filters as URLSearchParams. */
  constructor(on, query) {
    this.on = on;
    this.query = query;
    this.after = 0;
  }

  /** Follows from the position `after` on. */
  start(after) {
    this.stop();
    this.#stopped = false;
    this.after = after;
    this.#open();
    this.#watch = setInterval(() => {
      if (Date.now() - this.#heard > SILENCE) this.#again();
    }, 2000);
  }

  stop() {
    this.#stopped = true;
    clearInterval(this.#watch);
    this.#source?.close();
    this.#source = null;
  }

  #open() {
    this.#heard = Date.now();
    const query = this.query();
    query.set('after', this.after);
    const source = new EventSource(`/api/events/live?${query}`);
    this.#source = source;
    const hear = (name, call) => source.addEventListener(name, (message) => {
      this.#heard = Date.now();
      if (message.lastEventId) this.after = Number(message.lastEventId);
      this.on.state('live');
      call?.(JSON.parse(message.data));
    });
    hear('hello');
    hear('beat');
    hear('events', this.on.events);
    hear('roads', this.on.roads);
    hear('gap', this.on.gap);
    hear('trouble', () => this.on.state('lost'));
    source.onerror = () => {
      if (this.#source !== source) return;
      this.on.state('lost');
      // A browser tries again by itself, but not after a refusal.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.#again(), 1500);
    };
  }

  #again() {
    if (this.#stopped) return;
    this.#source?.close();
    this.on.state('lost');
    this.#open();
  }
}
