// <file-uploader>: takes files by drop, picker, paste or folder; asks for a ticket, sends the file where the
// ticket says (local or S3, the same code), tells the server, and waits for its verdict. Each file is a tile.
(() => {
  "use strict";
  const LANES = 3;
  const FINAL = new Set(["accepted", "refused", "failed"]);

  const csrf = () => JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const fill = (text, values) => (text ?? "").replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  const inWords = (bytes) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;

  class Refused extends Error {}

  class FileUploader extends HTMLElement {
    connectedCallback() {
      if (this.gone) return;
      this.gone = new AbortController();
      this.tiles = [];
      this.active = 0;
      this.previews = Promise.resolve();
      this.tickets = Promise.resolve();
      this.gallery = this.querySelector(".gallery");
      this.veil = this.querySelector(".drop-veil");
      const on = (target, name, act, options = {}) => target.addEventListener(name, act, { signal: this.gone.signal, ...options });
      const picker = this.querySelector("input[type=file]");
      const take = () => {
        this.add([...picker.files]);
        picker.value = "";
      };
      on(picker, "change", take);
      on(this, "click", (event) => this.#clicked(event));
      on(document, "paste", (event) => {
        const files = [...(event.clipboardData?.files ?? [])];
        if (!files.length || event.target.closest?.("textarea, [contenteditable=true]")) return;
        event.preventDefault();
        this.add(files);
      });
      let depth = 0;
      const carriesFiles = (event) => event.dataTransfer?.types?.includes("Files");
      const over = (inside) => {
        this.toggleAttribute("data-over", inside);
        this.veil.hidden = !inside;
      };
      on(document, "dragenter", (event) => {
        if (!carriesFiles(event)) return;
        depth += 1;
        over(true);
      });
      on(document, "dragleave", (event) => {
        if (!carriesFiles(event)) return;
        depth = Math.max(0, depth - 1);
        if (!depth) over(false);
      });
      on(document, "dragover", (event) => carriesFiles(event) && event.preventDefault());
      on(document, "drop", async (event) => {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        depth = 0;
        over(false);
        this.add(await this.#dropped(event.dataTransfer));
      });
      let due = 0;
      on(document, "photos-changed", () => {
        clearTimeout(due);
        due = setTimeout(() => this.#follow(), 300);
      });
      on(window, "beforeunload", (event) => {
        if (this.tiles.some((tile) => ["waiting", "uploading"].includes(tile.dataset.state))) event.preventDefault();
      });
      // Chosen while the page was still loading, before anybody listened.
      if (picker.files.length) take();
    }

    disconnectedCallback() {
      this.gone.abort();
      this.gone = null;
    }

    /** Files of a drop, folders opened. Entries must be taken before the event ends. */
    async #dropped(transfer) {
      const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
      if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
      const files = [];
      const open = async (entry) => {
        if (entry.isFile) {
          const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
          if (!file.name.startsWith(".")) files.push(file);
          return;
        }
        const reader = entry.createReader();
        for (;;) {
          const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
          if (!some.length) return;
          for (const one of some) await open(one);
        }
      };
      for (const entry of entries) await open(entry).catch(() => {});
      return files;
    }

    add(files) {
      for (const file of files) {
        const tile = this.querySelector("template").content.firstElementChild.cloneNode(true);
        tile.file = file;
        const name = tile.querySelector("[data-name]");
        name.textContent = name.title = file.name;
        for (const button of tile.querySelectorAll("[aria-label]"))
          button.setAttribute("aria-label", fill(button.getAttribute("aria-label"), { name: file.name }));
        tile.querySelector("progress").setAttribute("aria-label", fill(this.dataset.textProgress, { name: file.name }));
        this.tiles.push(tile);
        this.gallery.querySelector(".gallery__drop").before(tile);
        const fault = this.#fault(file);
        if (fault) this.#end(tile, "refused", fault);
        else {
          this.#state(tile, "waiting", this.dataset.textWaiting);
          this.#preview(tile);
        }
      }
      this.#pump();
    }

    /** What is obviously wrong before a byte is sent. Everything else is for the server to judge. */
    #fault(file) {
      if (!file.size) return this.dataset.textEmpty;
      const most = Number(this.dataset.maxBytes);
      if (most && file.size > most) return fill(this.dataset.textTooLarge, { n: inWords(file.size) });
      if (file.type && !file.type.startsWith("image/") && file.type !== "application/octet-stream") return this.dataset.textNotPicture;
      return "";
    }

    #preview(tile) {
      if (!self.createImageBitmap) return;
      this.previews = this.previews.then(async () => {
        try {
          const bitmap = await createImageBitmap(tile.file, { resizeWidth: 360, resizeQuality: "medium" });
          const canvas = document.createElement("canvas");
          canvas.width = bitmap.width;
          canvas.height = bitmap.height;
          canvas.getContext("2d").drawImage(bitmap, 0, 0);
          bitmap.close();
          const frame = tile.querySelector(".frame");
          frame.querySelector(".icon")?.remove();
          frame.prepend(canvas);
        } catch {
          // The browser cannot show it; the server will say whether it can be used.
        }
      });
    }

    #pump() {
      for (const tile of this.tiles) {
        if (this.active >= LANES) break;
        if (tile.dataset.state !== "waiting") continue;
        this.active += 1;
        this.#state(tile, "uploading", fill(this.dataset.textUploading, { n: 0 }));
        this.#send(tile)
          .then((ticket) => {
            this.active -= 1;
            this.#pump();
            return ticket && this.#await(tile, ticket);
          })
          .catch((error) => {
            this.active -= 1;
            this.#pump();
            if (error.name === "AbortError") this.#drop(tile);
            else this.#end(tile, error instanceof Refused ? "refused" : "failed", error.message);
          });
      }
      this.#summary();
    }

    async #json(url, method = "GET", body = undefined) {
      let response;
      try {
        response = await fetch(url, {
          method,
          body,
          headers: { Accept: "application/json", ...(method === "POST" && { "Content-Type": "application/json", "X-CSRFToken": csrf() }) },
        });
      } catch {
        throw new Error(this.dataset.textNetwork);
      }
      const answer = await response.json().catch(() => ({}));
      if (response.status === 422) throw new Refused(answer.error || this.dataset.textStorage);
      if (!response.ok) throw new Error(answer.error || this.dataset.textStorage);
      return answer;
    }

    async #send(tile) {
      const { name, size, type } = tile.file;
      // One after the other: photos are kept in the order of their tickets, which is that of choosing.
      const asked = this.tickets.then(() => this.#json(this.dataset.url, "POST", JSON.stringify({ name, size, type })));
      this.tickets = asked.catch(() => {});
      const ticket = await asked;
      if (!tile.isConnected) return null;
      const body = new FormData();
      for (const [field, value] of Object.entries(ticket.fields)) body.append(field, value);
      body.append("file", tile.file);
      await this.#post(tile, ticket, body);
      return ticket;
    }

    /** XMLHttpRequest, because fetch cannot tell how much was sent. */
    #post(tile, ticket, body) {
      return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        tile.request = request;
        request.open(ticket.method || "POST", ticket.url);
        if (new URL(ticket.url, location.href).origin === location.origin) request.setRequestHeader("X-CSRFToken", csrf());
        const bar = tile.querySelector("progress");
        request.upload.onprogress = (event) => {
          if (!event.lengthComputable) return;
          const percent = Math.min(99, Math.floor((100 * event.loaded) / event.total));
          bar.value = percent;
          this.#state(tile, "uploading", fill(this.dataset.textUploading, { n: percent }));
        };
        request.onload = () => {
          tile.request = null;
          if (request.status < 300) resolve();
          else {
            let text;
            try {
              text = JSON.parse(request.responseText).error;
            } catch {
              text = "";
            }
            reject(text ? new Refused(text) : new Error(this.dataset.textStorage));
          }
        };
        request.onerror = () => reject(new Error(this.dataset.textNetwork));
        request.onabort = () => reject(new DOMException("", "AbortError"));
        request.send(body);
      });
    }

    async #await(tile, ticket) {
      this.#state(tile, "checking", this.dataset.textChecking);
      try {
        let answer = await this.#json(ticket.done_url, "POST");
        for (let wait = 300; !["accepted", "refused"].includes(answer.state); wait = Math.min(wait * 1.4, 3000)) {
          await pause(wait);
          if (!tile.isConnected) return;
          try {
            answer = await this.#json(ticket.status_url);
          } catch (error) {
            if (error instanceof Refused) throw error;
          }
        }
        this.#verdict(tile, answer);
      } catch (error) {
        this.#end(tile, error instanceof Refused ? "refused" : "failed", error.message);
      }
    }

    #verdict(tile, answer) {
      if (answer.state === "accepted" && answer.tile_html) {
        tile.dataset.state = "accepted";
        const holder = document.createElement("template");
        holder.innerHTML = answer.tile_html;
        const photo = holder.content.firstElementChild;
        for (const frame of photo.querySelectorAll("[data-colour]")) frame.style.setProperty("--average", frame.dataset.colour);
        tile.replaceWith(photo);
        window.htmx?.process(photo);
        this.#summary();
        this.dispatchEvent(new CustomEvent("photos-changed", { bubbles: true }));
        // Another product has it too: taken all the same, and said.
        const same = answer.duplicate;
        if (same) document.dispatchEvent(new CustomEvent("toast", { detail: { text: `${this.dataset.textDuplicate} ${same.name}`, url: same.url, url_text: same.product } }));
        return;
      }
      this.#end(tile, "refused", answer.error || answer.label);
      if (!answer.duplicate) return;
      const text = tile.querySelector("[data-state-text]");
      text.textContent = `${this.dataset.textDuplicate} `;
      const link = document.createElement(answer.duplicate.url ? "a" : "span");
      if (answer.duplicate.url) link.href = answer.duplicate.url;
      link.textContent = answer.duplicate.name;
      text.append(link);
      tile.dataset.duplicate = "";
    }

    /** Take over from the server's own page what hangs on the photos: the head's actions, which photo is main. */
    async #follow() {
      const response = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
      if (!response?.ok || response.redirected) return;
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const now of document.querySelectorAll("[data-follows-photos], .tile[id^=photo-]")) {
        const then = fresh.getElementById(now.id);
        const same = !then || (now.matches(".tile") && now.hasAttribute("data-main") === then.hasAttribute("data-main"));
        if (same || now.contains(document.activeElement) || now.querySelector(":popover-open")) continue;
        for (const frame of then.querySelectorAll("[data-colour]")) frame.style.setProperty("--average", frame.dataset.colour);
        now.replaceWith(document.adoptNode(then));
        window.htmx?.process(then);
      }
    }

    #state(tile, state, text) {
      tile.dataset.state = state;
      tile.querySelector("[data-state-text]").textContent = text;
      const bar = tile.querySelector("progress");
      bar.hidden = FINAL.has(state) || state === "waiting";
      if (state === "checking") bar.removeAttribute("value");
      tile.querySelector("[data-retry]").hidden = state !== "failed";
    }

    #end(tile, state, sentence) {
      this.#state(tile, state, sentence);
      this.#summary();
    }

    #drop(tile) {
      this.tiles = this.tiles.filter((other) => other !== tile);
      tile.remove();
      this.#summary();
    }

    #clicked(event) {
      if (event.target.closest("[data-retry-all]")) {
        for (const tile of this.tiles) if (tile.dataset.state === "failed") this.#again(tile);
        this.#pump();
        return;
      }
      const tile = event.target.closest(".upload");
      if (!tile) return;
      if (event.target.closest("[data-retry]")) {
        this.#again(tile);
        this.#pump();
      } else if (event.target.closest("[data-cancel]")) {
        if (tile.request) tile.request.abort();
        else this.#drop(tile);
        this.querySelector("input[type=file]").focus();
      }
    }

    #again(tile) {
      const bar = tile.querySelector("progress");
      bar.value = 0;
      this.#state(tile, "waiting", this.dataset.textWaiting);
    }

    #summary() {
      const count = (...states) => this.tiles.filter((tile) => states.includes(tile.dataset.state)).length;
      const failed = count("failed", "refused");
      let text = "";
      if (this.tiles.length) {
        text = fill(this.dataset.textSummary, { done: count("accepted"), total: this.tiles.length });
        if (failed) text += `, ${fill(this.dataset.textFailed, { n: failed })}`;
      }
      const place = this.querySelector("[data-summary]");
      if (place.textContent !== text) place.textContent = text;
      this.querySelector("[data-retry-all]").hidden = count("failed") < 2;
    }
  }
  customElements.define("file-uploader", FileUploader);
})();
