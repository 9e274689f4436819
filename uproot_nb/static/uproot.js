/* uproot: what a page's own JavaScript can use. One plain script; it needs no build step.
 *
 * It reads <script type="application/json" id="uproot-page">, which stands before it, keeps a
 * WebSocket to the server, sends calls, delivers pushes exactly once and in order, and tells the
 * participant calmly when the connection is lost. Bootstrap draws its dialogs.
 */
(() => {
    "use strict";

    const TEXTS = {
        connecting: "Connecting…",
        reconnecting: "Reconnecting…",
        slower: "One moment, please…",
        refused: "This page has lost its connection for good. Please reload it.",
        paused: "The study is paused. Please stay on this page; it goes on by itself.",
        closed: "This session has ended. You may close this page.",
        tooLarge: "This is too large to be sent.",
        reload: "Reload",
        close: "Close",
        message: "Message",
        problem: "There is a problem",
        ok: "OK",
        cancel: "Cancel",
    };

    const PING_EVERY = 20000;       // milliseconds, like all times below
    const PONG_WITHIN = 10000;
    const PONG_WITHIN_ON_RETURN = 3000;
    const OPEN_WITHIN = 10000;
    const STEADY_AFTER = 5000;
    const FIRST_RETRY = 200;
    const LAST_RETRY = 10000;
    const ACK_EVERY = 300;
    const SHOW_LOSS_AFTER = 1000;
    const FORGET_SUBMIT_AFTER = 8000;

    const GOOD_BYE = { badFrame: 4400, badToken: 4403, ended: 4404, tooSlow: 4408, tooLarge: 4413, tooFast: 4429 };

    const I = (id) => document.getElementById(id);
    const boot = I("uproot-page") ? JSON.parse(I("uproot-page").textContent) : {};

    /* ---- The link: a WebSocket that comes back ------------------------------------------- */

    class Link {
        constructor(address, { opened, received, lost }) {
            this.address = address;
            this.on = { opened, received, lost };
            this.socket = null;
            this.timers = {};
            this.attempt = 0;
            this.resting = true;    // Neither connected nor trying to: not begun, left, or refused.
        }

        get isOpen() {
            return this.socket !== null && this.socket.readyState === WebSocket.OPEN;
        }

        begin() {
            this.resting = false;
            this.connect();
        }

        connect() {
            this.drop();
            const socket = new WebSocket(this.address());
            this.socket = socket;
            this.after("deadline", OPEN_WITHIN, () => this.lose(0));
            socket.onopen = () => this.open();
            socket.onmessage = (event) => this.receive(event.data);
            socket.onclose = (event) => this.lose(event.code);
        }

        open() {
            clearTimeout(this.timers.deadline);
            this.after("steady", STEADY_AFTER, () => { this.attempt = 0; });
            this.after("ping", PING_EVERY, () => this.probe(PONG_WITHIN));
            this.on.opened();
        }

        receive(text) {
            clearTimeout(this.timers.deadline);     // Whatever arrives shows that the link lives.
            this.on.received(JSON.parse(text));
        }

        send(message) {
            if (this.isOpen) this.socket.send(message);
        }

        /* A phone that slept, or a changed network, leaves sockets that look open and are dead. */
        probe(patience) {
            this.send('{"op":"ping"}');
            this.after("deadline", patience, () => this.lose(0));
            this.after("ping", PING_EVERY, () => this.probe(PONG_WITHIN));
        }

        hurry() {
            if (this.resting) return;
            if (this.isOpen) this.probe(PONG_WITHIN_ON_RETURN);
            else if (this.socket === null) this.connect();
        }

        lose(code) {
            this.drop();
            this.on.lost(code);
            if (!this.resting) this.after("retry", this.delay(code), () => this.connect());
        }

        delay(code) {
            if (code === GOOD_BYE.tooSlow && this.attempt === 0) {
                this.attempt = 1;
                return 0;
            }
            if (code === GOOD_BYE.tooFast) this.attempt = Math.max(this.attempt, 4);
            const ceiling = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** this.attempt);
            this.attempt += 1;
            return ceiling * (0.5 + Math.random() / 2);     // Not everybody at the same moment.
        }

        rest() {
            this.resting = true;
            this.drop();
        }

        /* A dead socket may take a minute to say that it closed; we listen to it no longer. */
        drop() {
            Object.values(this.timers).forEach(clearTimeout);
            const socket = this.socket;
            this.socket = null;
            if (socket === null) return;
            socket.onopen = socket.onmessage = socket.onclose = null;
            socket.close();
        }

        after(name, delay, action) {
            clearTimeout(this.timers[name]);
            this.timers[name] = setTimeout(action, delay);
        }
    }

    /* ---- Calls: each is answered once, whatever happens to the connection ---------------- */

    class Calls {
        constructor(link) {
            this.link = link;
            this.waiting = new Map();       // in the order of their making
            this.nonce = randomWord();
            this.made = 0;
            this.refusal = null;
        }

        make(method, args) {
            return new Promise((resolve, reject) => {
                if (this.refusal) throw this.refusal;
                const kwargs = isPlainObject(args[args.length - 1]) ? args[args.length - 1] : {};
                const rest = isPlainObject(args[args.length - 1]) ? args.slice(0, -1) : args;
                const id = `${this.nonce}-${this.made + 1}`;
                const message = JSON.stringify({ op: "invoke", id, method, args: rest, kwargs });
                this.made += 1;
                this.waiting.set(id, { message, resolve, reject });
                this.link.send(message);
            });
        }

        /* The server knows by its id a call that it has seen, and does not run it again. */
        sendAgain() {
            this.waiting.forEach((call) => this.link.send(call.message));
        }

        settle(frame) {
            const call = this.waiting.get(frame.id);
            this.waiting.delete(frame.id);
            if (!call) return;
            if (frame.op === "result") call.resolve(frame.data);
            else call.reject(namedError(frame.error, frame.message, frame.parameter));
        }

        /* Say no to the largest call, so that the others can go on; false if there is none. */
        refuseLargest() {
            const calls = Array.from(this.waiting);
            if (calls.length === 0) return false;
            const size = ([, call]) => call.message.length;
            const [id, call] = calls.reduce((a, b) => (size(b) > size(a) ? b : a));
            this.waiting.delete(id);
            call.reject(namedError("TooLarge", TEXTS.tooLarge));
            return true;
        }

        refuseAll(name, message) {
            this.refusal = namedError(name, message);
            this.waiting.forEach((call) => call.reject(this.refusal));
            this.waiting.clear();
        }
    }

    function isPlainObject(value) {
        if (value === null || typeof value !== "object") return false;
        const prototype = Object.getPrototypeOf(value);
        return prototype === Object.prototype || prototype === null;
    }

    function namedError(name, message, parameter) {
        const error = new Error(message);
        error.name = name;
        if (parameter !== undefined) error.parameter = parameter;
        return error;
    }

    function randomWord() {
        const numbers = crypto.getRandomValues(new Uint8Array(12));
        return Array.from(numbers, (number) => number.toString(36).padStart(2, "0")).join("");
    }

    /* ---- Pushes: exactly once, in order -------------------------------------------------- */

    class Pushes {
        constructor(link, since) {
            this.link = link;
            this.seen = since;
            this.acked = since;
            this.timer = null;
            this.bus = new EventTarget();
        }

        deliver({ seq, event, data }) {
            if (seq <= this.seen) return;
            this.seen = seq;
            if (this.timer === null) this.timer = setTimeout(() => this.ack(), ACK_EVERY);
            // An event target reports a handler's exception, and calls the next handler.
            if (event) this.bus.dispatchEvent(new CustomEvent(event, { detail: { event, data, seq } }));
            else if (typeof uproot.receive === "function") attempt(() => uproot.receive(data));
            else console.info("Nobody receives this push; set uproot.receive = (data) => …", data);
        }

        ack() {
            this.timer = null;
            if (this.seen === this.acked || !this.link.isOpen) return;
            this.acked = this.seen;
            this.link.send(JSON.stringify({ op: "ack", seq: this.seen }));
        }
    }

    function attempt(action) {
        try {
            action();
        } catch (error) {
            console.error(error);
        }
    }

    /* ---- Notices: what the participant is told, calmly ----------------------------------- */

    const notices = {
        lossTimer: null,

        region(id, role) {
            let region = I(id);
            if (!region) {
                region = build("div", { id, role, "aria-live": "polite" });
                document.body.append(region);
            }
            return region;
        },

        /* Blips do not flicker: a loss shows only when it has lasted. */
        showLoss(text, soon = false) {
            clearTimeout(this.lossTimer);
            const delay = soon ? 0 : SHOW_LOSS_AFTER;
            this.lossTimer = setTimeout(() => { this.connection().textContent = text; }, delay);
        },

        hideLoss() {
            clearTimeout(this.lossTimer);
            this.connection().textContent = "";
        },

        connection() {
            return this.region("uproot-connection", "status");
        },

        banner(text, button) {
            const region = this.region("uproot-banner", "status");
            if (region.firstChild && region.firstChild.textContent === text) return;
            region.replaceChildren();
            if (text) region.append(build("p", {}, text), ...(button ? [button] : []));
        },

        showState(state) {
            this.banner(TEXTS[state] || "");
        },

        toast(text) {
            const close = build("button", { type: "button", class: "btn-close", "aria-label": TEXTS.close });
            const toast = build("div", { class: "uproot-toast" }, build("p", {}, text), close);
            close.addEventListener("click", () => toast.remove());
            this.region("uproot-toasts", "log").append(toast);
        },
    };

    function build(tag, attributes, ...children) {
        const element = document.createElement(tag);
        Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
        element.append(...children);    // strings become text, never markup
        return element;
    }

    /* ---- Dialogs: one after another ------------------------------------------------------ */

    const HARMLESS = "B BR CODE EM I LI OL P SMALL STRONG SUB SUP U UL".split(" ");
    let lastDialog = Promise.resolve();

    /* Simple markup is shown as such, anything else as its text: nothing in it can run. */
    function simpleMarkup(content) {
        if (content instanceof Node) return content;
        const parsed = new DOMParser().parseFromString(String(content), "text/html").body;
        const copy = (node) => {
            if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
            const known = node.nodeType === Node.ELEMENT_NODE && HARMLESS.includes(node.tagName);
            const target = known ? document.createElement(node.tagName) : document.createDocumentFragment();
            target.append(...Array.from(node.childNodes, copy));
            return target;
        };
        return copy(parsed);
    }

    function ask(kind, title, content, value) {
        const answer = lastDialog.then(() => new Promise((resolve) => showDialog(kind, title, content, value, resolve)));
        lastDialog = answer.catch(() => {});
        return answer;
    }

    function showDialog(kind, title, content, value, resolve) {
        const id = `uproot-dialog-${randomWord()}`;
        const input = kind === "prompt" ? build("input", { class: "form-control mt-3", autocomplete: "off", "aria-labelledby": `${id}-text` }) : null;
        const ok = build("button", { type: "submit", class: "btn btn-primary" }, TEXTS.ok);
        const cancel = build("button", { type: "button", class: "btn btn-outline-secondary", "data-bs-dismiss": "modal" }, TEXTS.cancel);
        const text = build("div", { id: `${id}-text`, class: "uproot-dialog-text" }, simpleMarkup(content));
        const form = build("form", { class: "modal-content", novalidate: "" },
            build("div", { class: "modal-header" }, build("h2", { id: `${id}-title`, class: "modal-title fs-5" }, title)),
            build("div", { class: "modal-body" }, text, ...(input ? [input] : [])),
            build("div", { class: "modal-footer" }, ...(input ? [cancel] : []), ok));
        const dialog = build("div", { class: `modal fade uproot-${kind}`, tabindex: "-1", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text` },
            build("div", { class: "modal-dialog modal-dialog-centered modal-dialog-scrollable" }, form));
        if (input) input.value = value;
        openDialog(dialog, form, input || ok, () => (input ? input.value : undefined), () => resolve(input ? null : undefined), resolve);
    }

    function openDialog(dialog, form, focus, read, dismissed, resolve) {
        const others = Array.from(document.querySelectorAll(".modal.show"), (element) => bootstrap.Modal.getOrCreateInstance(element));
        const before = document.activeElement;
        const modal = new bootstrap.Modal(dialog, { backdrop: "static" });
        let settle = dismissed;
        form.addEventListener("submit", (event) => {
            event.preventDefault();
            const answer = read();
            settle = () => resolve(answer);
            modal.hide();
        });
        dialog.addEventListener("shown.bs.modal", () => focus.focus(), { once: true });
        dialog.addEventListener("hidden.bs.modal", () => {
            modal.dispose();
            dialog.remove();
            if (before && before.focus) before.focus();
            others.forEach((other) => other.show());
            settle();
        }, { once: true });
        document.body.append(dialog);
        others.forEach((other) => other.hide());
        modal.show();
    }

    /* ---- The page: its form, its address, its life -------------------------------------- */

    let submitted = false;

    function submit(anyway = false) {
        const form = I("uproot-form");
        if (!form) return;
        if (anyway) form.noValidate = true;
        if (form.requestSubmit) form.requestSubmit();
        else if (form.noValidate || form.reportValidity()) form.submit();      // Safari before 16
    }

    /* A second click does no harm, and a submission that got lost can be tried again. */
    function submitOnce(event) {
        if (event.target !== I("uproot-form") || event.defaultPrevented) return;
        if (submitted) event.preventDefault();
        submitted = true;
        setTimeout(() => { submitted = false; }, FORGET_SUBMIT_AFTER);
    }

    /* Asks for the page anew; unlike location.reload() it never sends a form again. */
    function reload() {
        location.replace(location.pathname + location.search);
    }

    function redirect(url) {
        const target = new URL(url, location.href);
        if (/^https?:$/.test(target.protocol)) location.assign(target.href);
        else console.error(`uproot.redirect: '${target.protocol}' is not followed.`);
    }

    function address() {
        const url = new URL(`ws?page=${boot.page}&since=${pushes.seen}`, location.href);
        url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
        url.hash = "";
        return url.href;
    }

    function keepStore(changes) {
        Object.assign(condition, changes);
        if (window.Alpine && Alpine.store("uproot")) Object.assign(Alpine.store("uproot"), changes);
    }

    function followColourScheme() {
        const dark = matchMedia("(prefers-color-scheme: dark)");
        const follow = () => document.documentElement.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
        dark.addEventListener("change", follow);
        follow();
    }

    /* ---- What arrives -------------------------------------------------------------------- */

    const frames = {
        result: (frame) => calls.settle(frame),
        error: (frame) => (frame.error === "StalePage" ? reload() : calls.settle(frame)),
        event: (frame) => pushes.deliver(frame),
        action: (frame) => actions[frame.action] && actions[frame.action](frame),
        status: ({ state }) => {
            keepStore({ state });
            notices.showState(state);
        },
        pong: () => {},
    };

    const actions = {
        reload: () => reload(),
        redirect: ({ url }) => redirect(url),
        submit: () => submit(true),
        message: ({ data }) => notices.toast(String(data)),
    };

    const link = new Link(address, {
        received: (frame) => frames[frame.op] && attempt(() => frames[frame.op](frame)),

        opened() {
            keepStore({ connected: true });
            notices.hideLoss();
            calls.sendAgain();
            happenings.dispatchEvent(new Event(everOpen ? "reconnect" : "ready"));
            everOpen = true;
        },

        lost(code) {
            if (condition.connected) {
                keepStore({ connected: false });
                happenings.dispatchEvent(new Event("disconnect"));
                if (condition.state !== "closed") notices.showLoss(TEXTS.reconnecting);
            }
            if (code === GOOD_BYE.tooFast) notices.showLoss(TEXTS.slower, true);
            if (code === GOOD_BYE.ended) giveUp("SessionClosed", TEXTS.closed, false);
            const hopeless = code === GOOD_BYE.badFrame || code === GOOD_BYE.badToken;
            if (hopeless || (code === GOOD_BYE.tooLarge && !calls.refuseLargest())) giveUp("Disconnected", TEXTS.refused, true);
        },
    });
    const calls = new Calls(link);
    const pushes = new Pushes(link, boot.since || 0);
    const happenings = new EventTarget();
    const condition = { connected: false, state: boot.state || "running" };
    let everOpen = false;

    function giveUp(name, text, canReload) {
        link.rest();
        notices.hideLoss();
        calls.refuseAll(name, text);
        const button = build("button", { type: "button", class: "btn btn-sm btn-outline-secondary" }, TEXTS.reload);
        button.addEventListener("click", reload);
        notices.banner(text, canReload ? button : null);
        if (name === "SessionClosed") keepStore({ state: "closed" });
    }

    /* ---- What a page's script uses ------------------------------------------------------- */

    const uproot = window.uproot = {
        /* What jsvars returned, and the experiment's public constants. */
        vars: boot.vars || {},
        C: boot.C || {},

        /* Gets the pushes without a name: uproot.receive = (data) => … */
        receive: null,

        /* Call a live method; a plain object at the end holds keyword arguments. */
        invoke: (method, ...args) => calls.make(method, args),

        /* Hear a named push: event.detail.data is what was sent. */
        onCustomEvent: (name, handler) => pushes.bus.addEventListener(name, handler),

        /* The page's elements are there. */
        onStart(action) {
            if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", action);
            else action();
        },

        /* The server is there (once per page). */
        onReady(action) {
            if (everOpen) action();
            else happenings.addEventListener("ready", action);
        },

        onReconnect: (action) => happenings.addEventListener("reconnect", action),
        onDisconnect: (action) => happenings.addEventListener("disconnect", action),

        submit: () => submit(),
        reload,
        redirect,

        /* Dialogs take text or simple markup; the promise is kept when they are closed. */
        alert: (content) => ask("alert", TEXTS.message, content),
        error: (content) => ask("error", TEXTS.problem, content),
        prompt: (content, value = "") => ask("prompt", TEXTS.message, content, value),

        /* The value chosen in a group of radio buttons or a list, or null. */
        selectedValue(name) {
            const named = Array.from(document.getElementsByName(name));
            const chosen = named.find((element) => element.checked || element.tagName === "SELECT");
            return chosen ? chosen.value : null;
        },

        escape(text) {
            const span = build("span", {}, String(text));
            return span.innerHTML.replace(/"/g, "&quot;").replace(/'/g, "&#39;");
        },

        /* Show an amount: fmtnum(-1234.5, {pre: "$", sep: ","}) gives −$1,234.50. */
        fmtnum(value, { pre = "", post = "", places = 2, sep = "", decsep = "." } = {}) {
            const [whole, fraction] = Math.abs(value).toFixed(places).split(".");
            const sign = value < 0 && /[1-9]/.test(whole + fraction) ? "−" : "";
            const grouped = whole.replace(/\B(?=(\d{3})+$)/g, sep);
            return sign + pre + grouped + (fraction ? decsep + fraction : "") + post;
        },

        I,
    };
    window.I = I;
    // The browser's own dialogs stop everything, pushes too, until they are answered.
    window.alert = (text) => uproot.alert(document.createTextNode(String(text)));
    window.prompt = (text = "", value = "") => uproot.prompt(document.createTextNode(String(text)), value);

    followColourScheme();
    document.addEventListener("alpine:init", () => Alpine.store("uproot", { ...condition }));
    window.addEventListener("submit", submitOnce);

    if (boot.page === undefined) return;    // A page that only shows something.

    uproot.onStart(() => {
        notices.connection();
        notices.region("uproot-toasts", "log");
        notices.showState(condition.state);
        notices.showLoss(TEXTS.connecting);
        // After all that the page's scripts do at its start: their handlers miss nothing.
        setTimeout(() => link.begin(), 0);
    });
    window.addEventListener("online", () => link.hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && link.hurry());
    window.addEventListener("pagehide", () => {
        link.rest();                        // An open socket would keep the page from coming back.
        keepStore({ connected: false });
        notices.hideLoss();
    });
    window.addEventListener("pageshow", (event) => {
        if (!event.persisted) return;
        if (submitted) reload();            // The page that came back is over.
        else if (!calls.refusal) link.begin();
    });
})();
