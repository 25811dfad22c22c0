// A list of any length of which only what is on the screen exists: fixed height, a few elements, moved about.

import { h, perFrame } from './dom.js';

/** Elements beyond the edges, so that scrolling shows no holes. */
const SPARE = 8;

export class Rows {
  #items = [];
  #pool = [];
  #selected = -1;

  /** `fillRow(element, item)` writes an item into a row; `open(item)` is called on Enter and click. */
  constructor({ label, makeRow, fillRow, open, nearEnd, scrolled }) {
    this.fillRow = fillRow;
    this.makeRow = makeRow;
    this.open = open;
    this.nearEnd = nearEnd;
    this.scrolled = scrolled;
    this.space = h('.space');
    this.element = h('.rows', { tabIndex: 0, role: 'listbox', 'aria-label': label, onkeydown: (event) => this.#key(event) }, this.space);
    this.draw = perFrame(() => this.#draw());
    this.element.addEventListener('scroll', () => { this.draw(); this.scrolled?.(this.element.scrollTop); }, { passive: true });
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.element);
  }

  /** The height of a row is the stylesheet's affair. */
  get height() {
    return Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row')) || 38;
  }

  get length() { return this.#items.length; }
  get items() { return this.#items; }

  /** Shows `items`, oldest first; they are drawn newest first. `added` new ones at the top move nothing that is looked at. */
  show(items, added = 0) {
    const keep = added > 0 && this.element.scrollTop > 4;
    this.#items = items;
    if (this.#selected >= 0) this.#selected = Math.min(this.#selected + added, items.length - 1);
    const height = this.height;
    this.space.style.height = `${items.length * height}px`;
    if (keep) this.element.scrollTop += added * height;
    this.draw();
  }

  /** The item at a place from the top. */
  at(place) {
    return this.#items[this.#items.length - 1 - place];
  }

  /** Selects the first item for which `test` is true, and shows it. */
  select(test) {
    const index = this.#items.findLastIndex(test);
    this.#selected = index < 0 ? -1 : this.#items.length - 1 - index;
    this.draw();
  }

  top() {
    this.element.scrollTop = 0;
    this.draw();
  }

  ends() {
    this.sizes.disconnect();
  }

  #draw() {
    const { scrollTop, clientHeight } = this.element;
    const height = this.height;
    const first = Math.max(0, Math.floor(scrollTop / height) - SPARE);
    const last = Math.min(this.#items.length, Math.ceil((scrollTop + clientHeight) / height) + SPARE);
    const wanted = Math.max(0, last - first);
    while (this.#pool.length < wanted) this.#grow();
    // A place keeps its element while it is on the screen, so that little is written.
    this.#pool.forEach((element) => { element.taken = false; });
    const size = this.#pool.length;
    for (let place = first; place < last; place += 1) {
      const element = this.#pool[place % size];
      const item = this.at(place);
      element.taken = true;
      element.hidden = false;
      if (element.item !== item || element.stamp !== item.stamp) {
        element.item = item;
        element.stamp = item.stamp;
        this.fillRow(element, item);
      }
      if (element.place !== place || element.rowHeight !== height) {
        element.place = place;
        element.rowHeight = height;
        element.style.transform = `translateY(${place * height}px)`;
        element.setAttribute('aria-posinset', place + 1);
      }
      element.setAttribute('aria-setsize', this.#items.length);
      element.setAttribute('aria-selected', String(place === this.#selected));
    }
    this.#pool.forEach((element) => { if (!element.taken) element.hidden = true; });
    const active = this.#pool.find((element) => element.taken && element.place === this.#selected);
    if (active) this.element.setAttribute('aria-activedescendant', active.id);
    else this.element.removeAttribute('aria-activedescendant');
    if (last > this.#items.length - 40 && this.#items.length > 0) this.nearEnd?.();
  }

  #grow() {
    const element = this.makeRow();
    element.id = `row-${this.#pool.length}`;
    element.place = -1;
    element.addEventListener('click', () => {
      this.#selected = element.place;
      this.draw();
      this.open(element.item);
    });
    this.#pool.push(element);
    this.space.append(element);
    // With another number of elements places change hands.
    this.#pool.forEach((other) => { other.place = -1; other.item = null; });
  }

  #key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.height) - 1);
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key === 'Enter' || event.key === ' ') {
      const item = this.at(this.#selected);
      if (item) this.open(item);
    } else if (event.key in steps && this.#items.length) {
      const from = this.#selected < 0 ? -1 : this.#selected;
      this.#selected = Math.max(0, Math.min(this.#items.length - 1, from + steps[event.key]));
      this.#reveal();
    } else {
      return;
    }
    event.preventDefault();
  }

  #reveal() {
    const height = this.height;
    const top = this.#selected * height;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + height > scrollTop + clientHeight) this.element.scrollTop = top + height - clientHeight;
    this.draw();
  }
}
