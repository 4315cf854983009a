// <compare-view>: panes of equal boxes with one shared zoom and pan. data-mode is side, slider (clip-path under a
// native range) or flicker (one box, pictures take turns); data-focus names the pane that is judged.
(() => {
  "use strict";
  const MAX = 12;
  const limit = (value, low, high) => Math.min(high, Math.max(low, value));

  class CompareView extends HTMLElement {
    connectedCallback() {
      this.zoom = 1;
      this.x = 0;
      this.y = 0;
      this.pointers = new Map();
      this.stop = new AbortController();
      const on = (target, name, act, options = {}) => target.addEventListener(name, act, { signal: this.stop.signal, ...options });
      const [width, height] = (this.dataset.ratio || "4 5").split(" ").map(Number);
      this.style.setProperty("--ratio", String(width / height));
      this.range = this.querySelector("input[type=range]");
      on(this, "wheel", (event) => this.#wheel(event), { passive: false });
      on(this, "pointerdown", (event) => this.#down(event));
      on(this, "pointermove", (event) => this.#move(event));
      on(this, "pointerup", (event) => this.#up(event));
      on(this, "pointercancel", (event) => this.#up(event));
      on(this, "dblclick", (event) => event.target.closest(".pane__clip") && this.toggleZoom(event));
      on(this, "click", (event) => {
        const pane = event.target.closest(".pane__clip")?.closest("[data-pane]");
        if (pane && !this.dragged && pane.dataset.pane !== "original" && this.dataset.mode === "side") this.focusOn(pane.dataset.pane);
      });
      on(this.range, "input", () => this.#split(Number(this.range.value)));
      // Arrow keys move the handle; the room's own arrow keys must not hear them.
      on(this.range, "keydown", (event) => event.key.startsWith("Arrow") && event.stopPropagation());
      this.sizes = new ResizeObserver(() => this.#measure());
      for (const clip of this.querySelectorAll(".pane__clip")) this.sizes.observe(clip);
      this.mode = this.constructor.mode ?? "side";
      this.focusOn(this.dataset.focus);
      this.#set(1, 0, 0);
      on(window, "resize", () => this.#measure());
      on(document, "htmx:afterSettle", () => this.#measure());
      requestAnimationFrame(() => this.#measure());
    }

    disconnectedCallback() {
      this.stop.abort();
      this.sizes.disconnect();
    }

    get mode() {
      return this.dataset.mode;
    }

    // The mode stays from one job to the next.
    set mode(mode) {
      this.dataset.mode = mode;
      this.constructor.mode = mode;
      this.querySelector(".compare__range").hidden = mode !== "slider";
      this.hold(false);
      this.#tell();
    }

    focusOn(letter) {
      this.dataset.focus = letter;
      for (const pane of this.querySelectorAll("[data-pane]")) {
        const judged = letter === "both" ? pane.dataset.pane !== "original" : pane.dataset.pane === letter;
        pane.toggleAttribute("data-focused", judged);
      }
      this.show(letter === "both" ? this.dataset.shown || "A" : letter);
      this.#tell();
    }

    // On a small screen one picture is shown at a time; the original may be it.
    show(name) {
      this.dataset.shown = name;
      for (const pane of this.querySelectorAll("[data-pane]")) pane.toggleAttribute("data-shown", pane.dataset.pane === name);
      if (name !== "original" && name !== this.dataset.focus && this.dataset.focus !== "both") this.focusOn(name);
      this.#tell();
    }

    get names() {
      return [...this.querySelectorAll("[data-pane]")].map((pane) => pane.dataset.pane);
    }

    hold(held) {
      this.toggleAttribute("data-hold", held);
    }

    toggleZoom(at) {
      if (this.zoom > 1) this.#set(1, 0, 0);
      else this.#zoomTo(this.#full(), at);
    }

    zoomBy(factor) {
      this.#zoomTo(this.zoom * factor);
    }

    fit() {
      this.#set(1, 0, 0);
    }

    // Full size is one pixel of the judged picture on one pixel of the page. A picture smaller than its box is there
    // at fit already, so that the closest look is twice the fit.
    #full() {
      const scale = this.#scale();
      return scale > 1 ? Math.min(scale, MAX) : 2;
    }

    // How many pixels of the picture lie on one pixel of the page at fit.
    #scale() {
      const judged = this.querySelector("[data-focused] .pane__clip");
      const clip = judged?.clientWidth ? judged : this.#clip();
      const image = clip?.querySelector("img");
      if (!image) return 1;
      const [width, height] = ["width", "height"].map((name) => Number(image.getAttribute(name)));
      return Math.max(width / clip.clientWidth, height / clip.clientHeight) || 1;
    }

    // 100 is full size; 0 stands for fit.
    get percent() {
      return this.zoom > 1 ? Math.round((this.zoom / this.#scale()) * 100) : 0;
    }

    #clip() {
      return [...this.querySelectorAll(".pane__clip")].find((clip) => clip.clientWidth) ?? null;
    }

    #zoomTo(zoom, at) {
      const clip = at?.target?.closest?.(".pane__clip") ?? (this.over?.clip.isConnected ? this.over.clip : this.#clip());
      if (!clip) return;
      const box = clip.getBoundingClientRect();
      const where = at ?? this.over ?? { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
      const px = (where.clientX - box.left) / box.width - 0.5;
      const py = (where.clientY - box.top) / box.height - 0.5;
      const next = limit(zoom, 1, MAX);
      const factor = next / this.zoom;
      this.#set(next, px - (px - this.x) * factor, py - (py - this.y) * factor);
    }

    // x and y are shares of the box, so that boxes of another size show the same part.
    #set(zoom, x, y) {
      const reach = (zoom - 1) / 2;
      this.zoom = zoom;
      this.x = limit(x, -reach, reach);
      this.y = limit(y, -reach, reach);
      this.style.setProperty("--zoom", String(zoom));
      this.style.setProperty("--x", String(this.x));
      this.style.setProperty("--y", String(this.y));
      this.toggleAttribute("data-zoomed", zoom > 1);
      if (zoom > 1) this.#sharpen();
      this.#tell();
    }

    // Above fit the whole file replaces its smaller copy, once it is decoded.
    #sharpen() {
      for (const image of this.querySelectorAll("img[data-whole]")) {
        const source = image.dataset.whole;
        delete image.dataset.whole;
        if (!source || image.getAttribute("src") === source) continue;
        const whole = new Image();
        whole.src = source;
        whole.decode().then(() => image.isConnected && (image.src = source), () => {});
      }
    }

    #split(percent) {
      this.style.setProperty("--split", `${percent}%`);
    }

    // What lies above (notices come and go) decides how much of a small screen is left for the picture.
    #measure() {
      this.style.setProperty("--above", `${Math.round(this.getBoundingClientRect().top + scrollY)}px`);
      const clip = this.#clip();
      if (clip) this.style.setProperty("--box", `${clip.clientWidth}px`);
    }

    #wheel(event) {
      if (!event.target.closest(".pane__clip")) return;
      event.preventDefault();
      const pixels = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
      this.#zoomTo(this.zoom * Math.exp(-pixels * 0.002), event);
    }

    #down(event) {
      const clip = event.target.closest(".pane__clip");
      if (!clip || event.button > 0) return;
      if (event.pointerType === "mouse") event.preventDefault();
      this.pointers.set(event.pointerId, event);
      this.dragged = false;
      this.start = { x: this.x, y: this.y, zoom: this.zoom, clip, at: event, apart: this.#apart() };
      clip.setPointerCapture?.(event.pointerId);
      clearTimeout(this.pressing);
      // A long press shows the original, for comparing on a phone.
      if (event.pointerType === "touch" && this.pointers.size === 1) this.pressing = setTimeout(() => this.hold(true), 350);
    }

    #move(event) {
      const clip = event.target.closest?.(".pane__clip");
      if (clip) this.over = { clip, clientX: event.clientX, clientY: event.clientY };
      if (!this.pointers.has(event.pointerId)) return;
      this.pointers.set(event.pointerId, event);
      const { start } = this;
      const dx = event.clientX - start.at.clientX;
      const dy = event.clientY - start.at.clientY;
      if (Math.hypot(dx, dy) > 6) {
        this.dragged = true;
        clearTimeout(this.pressing);
      }
      const box = start.clip.getBoundingClientRect();
      if (this.pointers.size === 2 && start.apart) this.#zoomTo((start.zoom * this.#apart()) / start.apart, this.#middle(start.clip));
      else if (this.zoom > 1) this.#set(this.zoom, start.x + dx / box.width, start.y + dy / box.height);
      else if (this.mode === "slider" && !this.hasAttribute("data-hold")) {
        this.range.value = String(limit(((event.clientX - box.left) / box.width) * 100, 0, 100));
        this.#split(Number(this.range.value));
      }
    }

    #up(event) {
      if (!this.pointers.delete(event.pointerId)) return;
      clearTimeout(this.pressing);
      const dx = event.clientX - this.start.at.clientX;
      const dy = event.clientY - this.start.at.clientY;
      const swiped = event.pointerType === "touch" && this.zoom === 1 && Math.abs(dx) > 48 && Math.abs(dx) > 1.5 * Math.abs(dy);
      if (swiped && this.mode === "side" && !this.hasAttribute("data-hold")) this.step(dx < 0 ? 1 : -1);
      this.hold(false);
      const [rest] = this.pointers.values();
      if (rest) this.start = { ...this.start, x: this.x, y: this.y, zoom: this.zoom, at: rest, apart: 0 };
    }

    step(by) {
      const { names } = this;
      this.show(names[limit(names.indexOf(this.dataset.shown) + by, 0, names.length - 1)]);
    }

    #apart() {
      const [a, b] = this.pointers.values();
      return b ? Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) : 0;
    }

    #middle(clip) {
      const [a, b] = this.pointers.values();
      return { target: clip, clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 };
    }

    #tell() {
      this.dispatchEvent(new CustomEvent("comparechange", { bubbles: true }));
    }
  }
  customElements.define("compare-view", CompareView);
})();
