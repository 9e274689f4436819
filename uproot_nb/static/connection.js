/* connection: a page's WebSocket, or long polling where WebSockets are blocked.
 *
 * `new UprootConnection(address)` looks like a WebSocket: onopen, onmessage, onclose, readyState,
 * send and close. It is one attempt: where a WebSocket cannot be opened although plain requests
 * pass, it goes on by these. The tab remembers that for a while, and then tries again.
 * `onblocked` is called with "policy" or "network" if neither passes.
 */
(() => {
    "use strict";

    const OPEN_WITHIN = 4000;           // milliseconds, like all times below
    const ANSWER_WITHIN = 8000;
    const FIRST_MESSAGE_WITHIN = 4000;
    const PONG_WITHIN = 3000;
    const REMEMBERED_FOR = 600000;
    const BETWEEN_ANSWERS = 20;         // More frames fit into one answer than into many.
    const FIRST_RETRY = 300;
    const TRIES = 4;
    const MOST_FRAMES = 32;
    const MOST_BYTES = 48 * 1024;
    const LONGEST_HOLD = 25;            // seconds
    const SHORTEST_HOLD = 2;
    const GATEWAYS = [408, 502, 503, 504, 524];     // A proxy's words for "the server did not answer".
    const CONNECTING = 0, OPEN = 1, CLOSED = 3;
    const TOO_LARGE = 4413;

    const pause = (delay) => new Promise((resolve) => { setTimeout(resolve, delay); });

    /* ---- What the tab knows about its network ---------------------------------------------- */

    const ways = {
        plainWorks: true,       // The page itself came by a plain request.
        polledUntil: 0,
        hold: LONGEST_HOLD,     // How long a proxy lets a request wait.
        isMute: false,          // A WebSocket opened, and nothing passed.

        read() {
            try {
                Object.assign(this, JSON.parse(sessionStorage.getItem("uproot-polling")));
            } catch { /* A sandboxed page has no storage: what it learns holds for the page. */ }
        },

        store() {
            try {
                sessionStorage.setItem("uproot-polling", JSON.stringify({ polledUntil: this.polledUntil, hold: this.hold }));
            } catch { /* see above */ }
        },

        get polls() {
            return Date.now() < this.polledUntil && this.polledUntil - Date.now() <= REMEMBERED_FOR;
        },

        poll() {
            this.polledUntil = Date.now() + REMEMBERED_FOR;
            this.store();
        },

        tryWebSocket() {
            this.polledUntil = 0;
            this.isMute = false;
            this.store();
        },

        shorten(seconds) {
            this.hold = Math.max(SHORTEST_HOLD, Math.min(this.hold, seconds * 0.8));
            this.store();
        },
    };
    ways.read();

    /* ---- Plain requests --------------------------------------------------------------------- */

    class Blocked extends Error {}

    /* Returns what the server answers, with the status. Fails with Blocked if something else answers. */
    async function post(address, head, { frames = [], within = ANSWER_WITHIN, signal = null } = {}) {
        const controller = new AbortController();
        const abort = () => controller.abort();
        const timer = setTimeout(abort, within);
        if (signal) signal.addEventListener("abort", abort);
        try {
            // Plain text needs no permission in a sandbox.
            const body = [JSON.stringify(head), ...frames].join("\n");
            const answer = await fetch(address, { method: "POST", body, cache: "no-store", redirect: "manual", signal: controller.signal });
            const isOurs = (answer.headers.get("Content-Type") || "").startsWith("application/json");
            if (!isOurs && GATEWAYS.includes(answer.status)) throw new Error("no answer");
            if (!isOurs) throw new Blocked();
            return { status: answer.status, ...await answer.json() };
        } finally {
            clearTimeout(timer);
            if (signal) signal.removeEventListener("abort", abort);
        }
    }

    /* ---- A link by long polling ------------------------------------------------------------- */

    /* Each answer has a number, and is asked for until it came; each frame is sent until it was taken. */
    class Polling {
        constructor(address, { received, lost }) {
            this.opening = address;
            this.address = address.split("?")[0];
            this.on = { received, lost };
            this.over = false;
            this.stop = new AbortController();
            this.got = 0;
            this.taken = 0;
            this.unsent = [];
            this.isSending = false;
        }

        /* Returns whether the server has opened the link. */
        async open() {
            const answer = await post(this.opening, { op: "open" }, { signal: this.stop.signal });
            this.link = answer.link;
            if (this.over) this.leave();
            this.first = answer;
            return Boolean(this.link) && !this.over;
        }

        begin() {
            this.read(this.first);
            this.listen();
        }

        async listen() {
            while (!this.over) {
                const began = performance.now();
                const answer = await this.ask({ op: "wait", link: this.link, got: this.got }, { within: ways.hold * 1000 + ANSWER_WITHIN });
                if (answer) this.read(answer);
                // A hidden tab's timers are slow, and it needs none of them.
                if (!document.hidden && performance.now() - began < BETWEEN_ANSWERS) await pause(BETWEEN_ANSWERS);
            }
        }

        read({ number, frames = [], close }) {
            if (number <= this.got) return;         // It was repeated.
            this.got = number;
            frames.forEach((frame) => this.over || this.on.received(frame));
            if (close) this.end(close[0], close[1]);
        }

        send(text) {
            this.unsent.push(text);
            if (!this.isSending) this.sendAll();
        }

        async sendAll() {
            this.isSending = true;
            await null;         // What else is sent in this turn comes along.
            while (this.unsent.length && !this.over) {
                const answer = await this.ask({ op: "send", link: this.link, first: this.taken + 1 }, { frames: this.some() });
                if (!answer) return;
                const fresh = answer.taken - this.taken;
                this.taken += fresh;
                this.unsent.splice(0, fresh);
                if (fresh === 0) await pause(FIRST_RETRY);      // The study is behind.
            }
            this.isSending = false;
        }

        some() {
            let size = 0;
            const fits = (text, at) => { size += text.length; return at === 0 || (at < MOST_FRAMES && size < MOST_BYTES); };
            const end = this.unsent.findIndex((text, at) => !fits(text, at));
            return end < 0 ? this.unsent.slice() : this.unsent.slice(0, end);
        }

        /* Returns the answer to a request that is repeated if need be; null once the link is lost. */
        async ask(head, options) {
            for (let tries = 1; !this.over; tries += 1) {
                const began = performance.now();
                try {
                    const asked = head.op === "wait" ? { ...head, hold: ways.hold } : head;
                    const answer = await post(this.address, asked, { ...options, signal: this.stop.signal });
                    if (answer.status === 200) return answer;
                    if (answer.status === 404) this.end(0);
                    if (options.frames && answer.status < 429) this.end(TOO_LARGE);
                } catch {
                    const seconds = (performance.now() - began) / 1000;
                    if (head.op === "wait" && seconds > SHORTEST_HOLD) ways.shorten(seconds);
                }
                if (tries >= TRIES) this.end(0);
                const isQuick = performance.now() - began < 1000;
                if (!this.over && (tries > 1 || isQuick)) await pause(FIRST_RETRY * 2 ** (tries - 1));
            }
            return null;
        }

        end(code, reason = "") {
            if (this.over) return;
            this.close();
            this.on.lost(code, reason);
        }

        close() {
            if (this.over) return;
            this.over = true;
            this.stop.abort();
            if (this.link) this.leave();
        }

        leave() {
            const goodbye = JSON.stringify({ op: "leave", link: this.link });
            if (navigator.sendBeacon) navigator.sendBeacon(this.address, goodbye);
            else fetch(this.address, { method: "POST", body: goodbye, keepalive: true }).catch(() => {});
        }
    }

    /* ---- One attempt to connect ------------------------------------------------------------- */

    class UprootConnection {
        /* address: where the page's WebSocket is, as in "ws?page=3&since=17". */
        constructor(address) {
            const url = new URL(address, location.href);
            url.hash = "";
            const ws = new URL(url), poll = new URL(url);
            ws.protocol = url.protocol === "https:" ? "wss:" : "ws:";
            poll.pathname = url.pathname.replace(/ws$/, "poll");
            this.addresses = { ws: ws.href, poll: poll.href };
            this.readyState = CONNECTING;
            this.onopen = this.onmessage = this.onclose = this.onblocked = null;
            this.socket = this.polling = null;
            this.isFallingBack = false;
            this.failure = null;        // why plain requests do not help
            this.timer = null;
            watched.add(this);
            if (ways.polls || ways.isMute) Promise.resolve().then(() => this.fallBack());   // The caller sets the handlers first.
            else this.tryWebSocket();
        }

        send(text) {
            if (this.readyState === OPEN) (this.polling || this.socket).send(text);
        }

        close() {
            this.readyState = CLOSED;
            watched.delete(this);
            this.dropSocket();
            if (this.polling) this.polling.close();
        }

        dropSocket() {
            clearTimeout(this.timer);
            const { socket } = this;
            this.socket = null;
            if (socket === null) return;
            socket.onopen = socket.onmessage = socket.onclose = null;
            socket.close();
        }

        opened() {
            this.readyState = OPEN;
            isBlocked = false;
            if (this.onopen) this.onopen({});
        }

        ended(code, reason = "") {
            if (this.readyState === CLOSED) return;
            const { onclose } = this;
            this.close();
            if (onclose) onclose({ code, reason });
        }

        blocked(why) {
            const isNews = !isBlocked;
            isBlocked = true;
            ways.tryWebSocket();
            if (isNews) new Image().src = `${placeOf(this)}?blocked=${why}`;
            if (isNews && this.onblocked) this.onblocked(why);
        }

        /* -- by a WebSocket -- */

        tryWebSocket() {
            try {
                this.socket = new window.WebSocket(this.addresses.ws);
            } catch { /* There is none, or a policy forbids it. */ }
            const { socket } = this;
            if (socket === null) {
                Promise.resolve().then(() => this.fallBack());
                return;
            }
            this.timer = setTimeout(() => this.fallBack(), OPEN_WITHIN);
            socket.onopen = () => this.openedBy(socket);
            socket.onmessage = (event) => this.receivedBy(event);
            socket.onclose = (event) => this.closedBy(event);
        }

        openedBy(socket) {
            clearTimeout(this.timer);
            if (this.polling) this.polling.close();
            this.polling = null;
            // The server greets at once; a proxy may let a WebSocket open, and nothing pass.
            this.timer = setTimeout(() => {
                socket.send('{"op":"ping"}');
                this.timer = setTimeout(() => { ways.isMute = true; this.ended(1006); }, PONG_WITHIN);
            }, FIRST_MESSAGE_WITHIN);
            this.opened();
        }

        receivedBy(event) {
            clearTimeout(this.timer);
            if (ways.polledUntil) ways.tryWebSocket();
            if (this.onmessage) this.onmessage(event);
        }

        closedBy({ code, reason }) {
            if (this.readyState === OPEN) {
                ways.plainWorks = false;        // Perhaps the server is away.
                this.ended(code, reason);
                return;
            }
            this.dropSocket();
            if (this.failure) this.failed(this.failure);
            else this.fallBack();
        }

        /* -- by plain requests -- */

        /* A server that is away lets nothing pass. Only if plain requests pass, and a WebSocket does
         * not after that, WebSockets are blocked. One that is only slow may still open first. */
        async fallBack() {
            if (this.readyState !== CONNECTING || this.isFallingBack) return;
            this.isFallingBack = true;
            try {
                if (ways.plainWorks || ways.polls || ways.isMute) await this.poll();
                else await this.checkPlain();
            } catch (error) {
                ways.plainWorks = false;
                this.failure = error;
                if (this.socket === null) this.failed(error);
            }
        }

        /* Tries a WebSocket once more if plain requests pass now. */
        async checkPlain() {
            await post(placeOf(this), { op: "leave", link: "-" });
            ways.plainWorks = true;
            if (this.readyState !== CONNECTING) return;
            this.isFallingBack = false;
            this.dropSocket();
            this.tryWebSocket();
        }

        async poll() {
            const polling = this.polling = new Polling(this.addresses.poll, {
                received: (frame) => this.onmessage && this.onmessage({ data: JSON.stringify(frame) }),
                lost: (code, reason) => this.ended(code, reason),
            });
            const isOpen = await polling.open();
            ways.plainWorks = true;
            if (this.polling !== polling || this.readyState !== CONNECTING) return;
            this.dropSocket();
            if (!isOpen) {
                this.ended(0);      // There is no place now.
                return;
            }
            ways.poll();
            this.opened();
            polling.begin();
        }

        failed(error) {
            if (this.readyState !== CONNECTING) return;
            if (error instanceof Blocked) this.blocked("network");
            this.ended(0);
        }
    }

    const placeOf = (connection) => connection.addresses.poll.split("?")[0];

    /* ---- An author's content policy may forbid both ------------------------------------------ */

    const watched = new Set();
    let isBlocked = false;

    document.addEventListener("securitypolicyviolation", ({ effectiveDirective, disposition, blockedURI }) => {
        if (effectiveDirective !== "connect-src" || disposition === "report") return;
        watched.forEach((connection) => {
            const place = placeOf(connection);
            if (blockedURI.startsWith(place) || blockedURI === new URL(place).origin) connection.blocked("policy");
        });
    });

    // A WebSocket ends with its page; a link would be missed only after some seconds.
    window.addEventListener("pagehide", () => watched.forEach(({ polling }) => polling && polling.close()));

    window.UprootConnection = UprootConnection;
})();
