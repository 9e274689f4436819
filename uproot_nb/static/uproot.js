/* uproot: the API for a page's own JavaScript. One plain script; it needs no build step.
 *
 * It reads <script type="application/json" id="uproot-page">, which comes before it, holds a
 * connection to the server open, sends calls, delivers pushes exactly once and in order, and shows
 * the participant when the connection is lost. Its texts come from there too, in the participant's
 * language: `"texts": {"English": "…"}`. The scripts drafts.js, leftovers.js, sending.js, dialogs.js,
 * timeouts.js, simulate.js, waiting.js and idleness.js use `uproot.inner`, which is internal.
 */
(() => {
    "use strict";

    const PING_EVERY = 20000;       // milliseconds, like all times below
    const PONG_WITHIN = 10000;
    const PONG_WITHIN_ON_RETURN = 3000;
    const OPEN_WITHIN = 20000;      // A WebSocket, or else plain requests.
    const STEADY_AFTER = 5000;
    const FIRST_RETRY = 200;
    const LAST_RETRY = 10000;
    const ACK_EVERY = 300;
    const OPEN = 1;                 // the readyState of a connection that works
    const SHOW_LOSS_AFTER = 1000;
    const FORGET_SUBMIT_AFTER = 8000;
    const REPORT_EVERY = 2000;
    const MOST_REPORTS = 20;        // kinds of errors in the life of a page

    const GOOD_BYE = { badFrame: 4400, again: 4425, badToken: 4403, ended: 4404, tooSlow: 4408, tooLarge: 4413, tooFast: 4429 };

    const I = (id) => document.getElementById(id);
    const boot = I("uproot-page") ? JSON.parse(I("uproot-page").textContent) : {};
    const off = (document.documentElement.dataset.uprootOff || "").split(" ");

    /* ---- Words --------------------------------------------------------------------------- */

    /* Translates an English sentence into the participant's language; {name} stands for values.name. */
    function text(english, values = {}) {
        const known = boot.texts || {};
        const sentence = Object.prototype.hasOwnProperty.call(known, english) ? known[english] : String(english);
        return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
    }

    const STATES = {
        paused: "The study is paused. Please stay on this page; it continues automatically.",
        closed: "This session has ended. You may close this page.",
    };

    /* Texts about a form that is not stored yet; sending.js shows them. */
    const unsentWords = {
        sending: () => text("Your answers are being sent…"),
        failed: () => text("Your answers have not arrived yet. Please stay on this page; they will be sent automatically."),
        held: () => text("The study is paused. Your answers are kept and sent as soon as it continues."),
    };

    /* ---- The link: a connection that is made again when it is lost ------------------------------------------- */

    class Link {
        constructor(address, { opened, received, lost, blocked }) {
            this.address = address;
            this.on = { opened, received, lost, blocked };
            this.socket = null;
            this.timers = {};
            this.attempt = 0;
            this.resting = true;    // Neither connected nor trying: not begun, left, or refused.
        }

        get isOpen() {
            return this.socket !== null && this.socket.readyState === OPEN;
        }

        begin() {
            this.resting = false;
            this.connect();
        }

        connect() {
            this.drop();
            const socket = new UprootConnection(this.address());
            this.socket = socket;
            this.after("deadline", OPEN_WITHIN, () => this.lose(0));
            socket.onopen = () => this.open();
            socket.onmessage = (event) => this.receive(event.data);
            socket.onclose = (event) => this.lose(event.code);
            socket.onblocked = () => this.on.blocked();
        }

        open() {
            clearTimeout(this.timers.deadline);
            this.after("steady", STEADY_AFTER, () => { this.attempt = 0; });
            this.after("ping", PING_EVERY, () => this.probe(PONG_WITHIN));
            this.on.opened();
        }

        receive(text) {
            clearTimeout(this.timers.deadline);     // Any message shows that the link works.
            this.on.received(JSON.parse(text));
        }

        send(message) {
            if (this.isOpen) this.socket.send(message);
        }

        /* After sleep or a change of network, a dead socket may look open. */
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
            if (code === GOOD_BYE.again) this.attempt = Math.min(this.attempt, 2);
            if (code === GOOD_BYE.tooFast) this.attempt = Math.max(this.attempt, 4);
            const ceiling = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** this.attempt);
            this.attempt += 1;
            return ceiling * (0.5 + Math.random() / 2);     // So that not all browsers reconnect at once.
        }

        rest() {
            this.resting = true;
            this.drop();
        }

        /* A dead socket may take a minute to close; ignore it. */
        drop() {
            Object.values(this.timers).forEach(clearTimeout);
            const socket = this.socket;
            this.socket = null;
            if (socket === null) return;
            socket.onopen = socket.onmessage = socket.onclose = socket.onblocked = null;
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
            this.waiting = new Map();       // in the order in which they were made
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
                const message = JSON.stringify({ op: "invoke", id, method, args: rest, kwargs }, (_, value) => (typeof value === "string" ? wellFormed(value) : value));
                this.made += 1;
                this.waiting.set(id, { message, resolve, reject });
                this.link.send(message);
            });
        }

        /* The server recognizes a repeated call by its id, and does not run it again. */
        sendAgain() {
            this.waiting.forEach((call) => this.link.send(call.message));
        }

        settle(frame) {
            const call = this.waiting.get(frame.id);
            this.waiting.delete(frame.id);
            if (!call) return;
            if (frame.op === "result") call.resolve(frame.data);
            else call.reject(namedError(frame.error, spoken(frame), frame.parameter));
        }

        /* Reject the largest call, so that the others can go on; false if there is none. */
        refuseLargest() {
            const calls = Array.from(this.waiting);
            if (calls.length === 0) return false;
            const size = ([, call]) => call.message.length;
            const [id, call] = calls.reduce((a, b) => (size(b) > size(a) ? b : a));
            this.waiting.delete(id);
            const { method } = JSON.parse(call.message), bytes = new Blob([call.message]).size;
            console.error(`uproot.invoke("${method}", …) was not sent: with its arguments it has ${bytes.toLocaleString("en")} bytes, more than the server accepts. Pass less data, or raise the server's max_frame_bytes.`);
            call.reject(namedError("TooLarge", text("This is too large to be sent.")));
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
        if (typeof value.toJSON === "function") return false;       // Its JSON may be anything.
        const prototype = Object.getPrototypeOf(value);
        return prototype === Object.prototype || prototype === null;
    }

    /* The participant's message of an error: a refused argument by name, with the reason. */
    function spoken({ message, parameter, reason }) {
        return reason ? `${parameter}: ${text(reason)}` : text(message);
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
            this.heard = false;     // whether somebody listens to pushes without a name
        }

        listen(event, handler) {
            this.heard = true;
            window.addEventListener(event, handler);
        }

        deliver({ seq, event, data }) {
            if (seq <= this.seen) return;
            this.seen = seq;
            if (this.timer === null) this.timer = setTimeout(() => this.ack(), ACK_EVERY);
            // An EventTarget reports a handler's exception and calls the next handler.
            if (event) this.bus.dispatchEvent(new CustomEvent(event, { detail: { event, data, seq } }));
            else this.deliverUnnamed({ event, data, seq });
        }

        /* Also to those who listen by the names of the uproot framework. */
        deliverUnnamed(detail) {
            ["UprootInternalReceived", "UprootQueue"].forEach((name) => window.dispatchEvent(new CustomEvent(name, { detail })));
            const { data } = detail;
            if (typeof uproot.receive === "function") attempt(() => uproot.receive(data));
            else if (!this.heard) console.info("No handler for this push; set uproot.receive = (data) => …", data);
        }

        ack() {
            this.timer = null;
            if (this.seen === this.acked || !this.link.isOpen) return;
            this.acked = this.seen;
            this.link.send(JSON.stringify({ op: "ack", seq: this.seen }));
        }
    }

    /* ---- Errors: the researcher sees what failed in participants' browsers ---------------- */

    /* Equal errors are sent as one with a count. The address is a secret, and is not sent. */
    class Errors {
        constructor(link) {
            this.link = link;
            this.counts = new Map();
            this.known = new Set();
            this.timer = null;
        }

        listen() {
            window.addEventListener("error", (event) => this.hear(event), true);
            window.addEventListener("unhandledrejection", ({ reason }) => this.note(reason, "", 0));
        }

        hear(event) {
            const element = event.target;
            if (event instanceof ErrorEvent) this.note(event.error ?? event.message, event.filename, event.lineno);
            else if (element instanceof Element && addressOf(element) !== "") this.note(`This could not be loaded: ${element.src || element.href || element.tagName}`, "", 0);
        }

        note(error, source, line) {
            if (error && LOST.has(error.name)) return;      // The participant already sees a notice.
            const message = this.hidden(error && error.message ? `${error.name}: ${error.message}` : String(error)).slice(0, 500);
            const kind = JSON.stringify({ op: "script_error", message, source: this.placeOf(source), line: line || 0 });
            if (!this.known.has(kind) && this.known.size >= MOST_REPORTS) return;
            this.known.add(kind);
            this.counts.set(kind, (this.counts.get(kind) || 0) + 1);
            this.timer ??= setTimeout(() => this.report(), this.known.size === 1 && this.counts.get(kind) === 1 ? 0 : REPORT_EVERY);
        }

        report() {
            this.timer = null;
            if (!this.link.isOpen) return;      // Called again when the connection is back.
            this.counts.forEach((count, kind) => this.link.send(JSON.stringify({ ...JSON.parse(kind), count: Math.min(count, 10000) })));
            this.counts.clear();
        }

        placeOf(source) {
            if (!source || source.split(/[?#]/)[0] === location.href.split(/[?#]/)[0]) return source ? "the page itself" : "";
            return this.hidden(source).slice(0, 300);
        }

        hidden(text) {
            const secret = location.pathname.split("/").filter(Boolean).pop();
            return wellFormed(secret ? text.replaceAll(secret, "…") : text);
        }
    }

    /* An image whose address a script will set later, as in <img src="">, has failed nowhere. */
    const addressOf = (element) => element.getAttribute("src") ?? element.getAttribute("href");

    const LOST = new Set(["Disconnected", "SessionClosed"]);

    /* Half an emoji, at the end of a text that was cut, cannot be sent. */
    function wellFormed(text) {
        return text.replace(/[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uD800-\uDFFF]/g, (found) => (found.length === 2 ? found : "\uFFFD"));
    }

    /* Runs an action that may fail; *loud*: report it in the console, and to the researcher. */
    function attempt(action, loud = true) {
        try {
            return action();
        } catch (error) {
            if (loud && window.reportError) window.reportError(error);
            else if (loud) console.error(error);
            return null;
        }
    }

    /* ---- Notices: messages to the participant ----------------------------------- */

    const notices = {
        lossTimer: null,
        worse: null,        // Replaces the usual notice of a lost connection.

        region(id, role) {
            let region = I(id);
            if (!region) {
                region = build("div", { id, role, "aria-live": "polite" });
                document.body.append(region);
            }
            return region;
        },

        /* A short loss shows nothing. */
        showLoss(words, soon = false) {
            if (off.includes("connection")) return;
            clearTimeout(this.lossTimer);
            const delay = soon ? 0 : SHOW_LOSS_AFTER;
            this.lossTimer = setTimeout(() => { this.connection().textContent = this.worse || words; }, delay);
        },

        showWorse(words) {
            this.worse = words;
            this.showLoss(words, true);
        },

        hideLoss() {
            clearTimeout(this.lossTimer);
            this.connection().textContent = "";
        },

        connection() {
            return this.region("uproot-connection", "status");
        },

        banner(words, button) {
            const region = this.region("uproot-banner", "status");
            if (region.firstChild && region.firstChild.textContent === words) return;
            region.replaceChildren();
            if (words) region.append(build("p", {}, words), ...(button ? [button] : []));
        },

        showState(state) {
            this.banner(STATES[state] ? text(STATES[state]) : "");
            if (I("uproot-form")) I("uproot-form").classList.toggle("uproot-paused", state === "paused");
        },

        toast(words) {
            const close = build("button", { type: "button", class: "btn-close", "aria-label": text("Close") });
            const toast = build("div", { class: "uproot-toast" }, build("p", {}, words), close);
            close.addEventListener("click", () => toast.remove());
            this.region("uproot-toasts", "log").append(toast);
        },
    };

    /* Whether Enter was pressed, but not to complete a Chinese or Japanese word: Safari shows that
     * by the code 229 only. */
    function isEnter(event) {
        return event.key === "Enter" && !event.isComposing && event.keyCode !== 229;
    }

    /* An element; an attribute that begins with "on" is a listener, and false or null is none. */
    function build(tag, attributes, ...children) {
        const element = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes)) {
            if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
            else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
        }
        element.append(...children);    // strings become text, never markup
        return element;
    }

    /* ---- The page: its form, its address, its life -------------------------------------- */

    let submitted = false;
    let forgetting = null;

    /* Sends the form as Next does. With *extra* hidden values it is not validated; *insist*: send it
     * even if the page's own script prevents that. */
    function post(extra = null, insist = false) {
        const form = I("uproot-form");
        if (!form || submitted) return;
        const inputs = Object.entries(extra || {}).map(([name, value]) => build("input", { type: "hidden", name, value }));
        const strict = !form.noValidate;
        if (extra !== null) form.noValidate = true;
        form.append(...inputs);
        // A field named "submit" hides the form's own method.
        const { requestSubmit } = HTMLFormElement.prototype;
        if (requestSubmit) requestSubmit.call(form);
        else if (form.noValidate || form.reportValidity()) uproot.inner.sendForm(form);     // Safari before 16
        if (insist && requestSubmit && !submitted) uproot.inner.sendForm(form);
        inputs.forEach((input) => input.remove());      // Their values have been read.
        if (strict) form.noValidate = false;
    }

    function submit() {
        if (boot.wait) console.info("uproot.submit: a wait page has no form; it continues by itself.");
        else post();
    }

    function goBack() {
        if (boot.back) post({ _uproot_back: "1" });
        else console.info("uproot.goBack: this page does not allow it. Set allow_back = True on the page.");
    }

    /* A second click does no harm. A form that the page's own script has stopped can be sent again. */
    function submitOnce(event) {
        const form = I("uproot-form");
        if (event.target !== form || event.defaultPrevented) return;
        if (submitted) event.preventDefault();
        if (form.querySelector("input[type=file]")) form.enctype = "multipart/form-data";
        noteSubmitted(true);
        forgetting = setTimeout(() => noteSubmitted(false), FORGET_SUBMIT_AFTER);
    }

    /* The browser alone would lose a form that the server could not take. */
    function takeOver(event) {
        const form = I("uproot-form"), button = event.submitter || null;
        if (boot.page === undefined) return;    // A room's form is sent by the browser itself.
        if (event.target !== form || event.defaultPrevented || goesElsewhere(form, button)) return;
        event.preventDefault();
        uproot.inner.sendForm(form, button);
    }

    function goesElsewhere(form, button) {
        const attribute = (name) => (button && button.getAttribute(`form${name}`)) || form.getAttribute(name);
        const target = attribute("target"), action = new URL(attribute("action") || location.href, location.href);
        return (target && target !== "_self") || action.pathname !== location.pathname || action.origin !== new URL(location.href).origin;
    }

    function noteSubmitted(now) {
        clearTimeout(forgetting);
        submitted = now;
        I("uproot-form").classList.toggle("uproot-sending", now);
    }

    /* Loads the page again; unlike location.reload(), it never repeats a form. A form that is being
     * sent comes first, and one whose time is up: its answer says where to go. */
    function reload() {
        if (uproot.inner.isSending() || uproot.inner.sendLate()) return;
        location.replace(location.pathname + location.search);
    }

    function redirect(url) {
        const target = new URL(url, location.href);
        if (/^https?:$/.test(target.protocol)) {
            uproot.inner.forgetForm();      // The redirect means that the form has arrived.
            location.assign(target.href);
        } else console.error(`uproot.redirect: '${target.protocol}' is not followed; use http or https.`);
    }

    function address() {
        return `ws?page=${boot.page}&since=${pushes.seen}`;
    }

    /* Reports something about this page to the kernel, for those who listen by PageReports; no answer
     * comes. False if it was not sent: report it again on "ready", "reconnect" or "state". */
    function report(what, data) {
        if (!link.isOpen || condition.state !== "running") return false;
        link.send(JSON.stringify({ op: "report", what, data }, (_, value) => (typeof value === "string" ? wellFormed(value) : value)));
        return true;
    }

    function updateStore(changes) {
        Object.assign(condition, changes);
        if (window.Alpine && Alpine.store("uproot")) Object.assign(Alpine.store("uproot"), changes);
    }

    /* Light or dark, like the device; light for printing. */
    function followColourScheme() {
        const dark = matchMedia("(prefers-color-scheme: dark)");
        const show = (scheme) => document.documentElement.setAttribute("data-bs-theme", scheme);
        const follow = () => show(dark.matches ? "dark" : "light");
        dark.addEventListener("change", follow);
        window.addEventListener("beforeprint", () => show("light"));
        window.addEventListener("afterprint", follow);
        follow();
    }

    /* Content that scrolls sideways can be scrolled by keyboard. */
    function reachWideContent() {
        document.querySelectorAll(".uproot-prose").forEach((prose) => {
            if (prose.scrollWidth > prose.clientWidth) prose.tabIndex = 0;
        });
    }

    /* Values for the next page of this tab; a sandboxed page cannot store any. */
    const memory = {
        store: (name, value) => attempt(() => sessionStorage.setItem(name, value), false),
        read: (name) => attempt(() => sessionStorage.getItem(name), false),
        drop: (name) => attempt(() => sessionStorage.removeItem(name), false),
    };

    /* A participant who waited in another tab sees by the title that it goes on. */
    function attract() {
        const waited = memory.read("uproot-waited");
        memory.drop("uproot-waited");
        if (!waited || boot.wait || !document.hidden) return;
        callBack(text("Ready to continue"));
    }

    /* Calls a participant back to a hidden tab: by its title, and by a notification if one was asked
     * for. It comes from this page, whose window it brings to the front. */
    function callBack(words) {
        const title = document.title;
        document.title = `● ${words}`;
        const isWanted = window.Notification && Notification.permission === "granted" && memory.read("uproot-alert") === "yes";
        const note = isWanted ? attempt(() => new Notification(words, { body: title, tag: "uproot" }), false) : null;   // Android's Chrome has none.
        if (note) note.onclick = () => window.focus();
        document.addEventListener("visibilitychange", () => {
            document.title = title;
            if (note) note.close();
        }, { once: true });
    }

    /* Follows the player to another page; a hidden wait page may sound before. */
    function follow() {
        const going = new CustomEvent("going", { cancelable: true, detail: { go: reload } });
        if (happenings.dispatchEvent(going)) reload();
    }

    /* ---- Messages from the server -------------------------------------------------------------------- */

    const frames = {
        result: (frame) => calls.settle(frame),
        error: (frame) => (frame.error === "StalePage" ? reload() : calls.settle(frame)),
        event: (frame) => pushes.deliver(frame),
        action: (frame) => actions[frame.action] && actions[frame.action](frame),
        status: ({ state }) => {
            updateStore({ state });
            notices.showState(state);
            happenings.dispatchEvent(new Event("state"));
        },
        pong: () => {},
    };

    const actions = {
        // This page may already be the one to which the player was moved.
        reload: (frame) => (frame.entered === undefined ? uproot.inner.exchange() : frame.entered !== boot.entered && follow()),
        redirect: ({ url }) => redirect(url),
        submit: ({ timeout }) => (timeout ? happenings.dispatchEvent(new Event("timeout")) : post({})),
        clock: (frame) => frame.entered === boot.entered && happenings.dispatchEvent(new CustomEvent("clock", { detail: frame })),
        message: ({ data, text: words = data }) => notices.toast(String(words)),
    };

    const link = new Link(address, {
        received: (frame) => frames[frame.op] && attempt(() => frames[frame.op](frame)),

        opened() {
            updateStore({ connected: true });
            notices.hideLoss();
            calls.sendAgain();
            errors.report();
            happenings.dispatchEvent(new Event(everOpen ? "reconnect" : "ready"));
            everOpen = true;
        },

        lost(code) {
            if (condition.connected) {
                updateStore({ connected: false });
                happenings.dispatchEvent(new Event("disconnect"));
                if (condition.state !== "closed") notices.showLoss(text("Reconnecting…"));
            }
            if (code === GOOD_BYE.tooFast) notices.showLoss(text("One moment, please…"), true);
            if (code === GOOD_BYE.ended) giveUp("SessionClosed", text(STATES.closed), false);
            const hopeless = code === GOOD_BYE.badFrame || code === GOOD_BYE.badToken;
            if (hopeless || (code === GOOD_BYE.tooLarge && !calls.refuseLargest())) giveUp("Disconnected", text("The connection was lost. Please reload this page."), true);
        },

        blocked() {
            notices.showLoss(text("This page cannot stay connected here. Please try another browser, device or network."), true);
        },
    });
    const calls = new Calls(link);
    const errors = new Errors(link);
    errors.listen();
    const pushes = new Pushes(link, boot.since || 0);
    pushes.bus.addEventListener("_uproot_chat", ({ detail: { data } }) => {
        const isShown = [...document.querySelectorAll("uproot-chat")].some((chat) => chat.dataset.chat === data.chat);
        if (data.host && !isShown) notices.toast(`${text("Researcher")}: ${data.text}`);
    });
    const happenings = new EventTarget();
    const condition = {
        connected: false,
        state: boot.state || "running",
        timeout: { active: false, level: "", text: "", compact: "" },
    };
    let everOpen = false;
    let begun = false;

    function giveUp(name, words, canReload) {
        link.rest();
        notices.hideLoss();
        calls.refuseAll(name, words);
        const button = build("button", { type: "button", class: "btn btn-sm btn-outline-secondary" }, text("Reload"));
        button.addEventListener("click", reload);
        notices.banner(words, canReload ? button : null);
        if (name === "SessionClosed") updateStore({ state: "closed" });
    }

    /* ---- The API of a page's script ------------------------------------------------------- */

    const uproot = window.uproot = {
        /* The value of jsvars, and the experiment's public constants. */
        vars: boot.vars || {},
        C: boot.C || {},

        /* The name of this page: "app/Page", or "Page" in a notebook. */
        currentPage: [boot.app, boot.name].filter(Boolean).join("/"),

        /* The names of the session and of the player. */
        sname: boot.session || null,
        uname: boot.player || null,

        /* Handles pushes without an event name: uproot.receive = (data) => … */
        receive: null,

        /* Call a live method; a plain object as last argument holds keyword arguments. */
        invoke: (method, ...args) => calls.make(method, args),

        /* Handle pushes of this event name; event.detail.data is the data sent. */
        onCustomEvent: (name, handler) => pushes.bus.addEventListener(name, handler),

        /* Handle events of the page itself, such as "PageTimeout", and "Received" for pushes without a name. */
        onInternalEvent: (name, handler) => pushes.listen(`UprootInternal${name}`, handler),

        /* Handle pushes without a name, several of you. */
        onQueue: (handler) => pushes.listen("UprootQueue", handler),

        /* Run when the page's elements are loaded. */
        onStart(action) {
            if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", action);
            else action();
        },

        /* Run when the page is connected, once per page. */
        onReady(action) {
            if (everOpen) action();
            else happenings.addEventListener("ready", action);
        },

        onReconnect: (action) => happenings.addEventListener("reconnect", action),
        onDisconnect: (action) => happenings.addEventListener("disconnect", action),

        /* Connect; the page does this itself unless the template sets disable_auto_start. */
        init,

        /* The same as the buttons Next and Back. */
        submit,
        goBack,
        reload,
        redirect,

        /* Call the experiment's api(request, session): fetch with an address relative to it. */
        api(path = "", options = {}) {
            if (boot.api) return fetch(new URL(path, new URL(boot.api, location.href)), options);
            return Promise.reject(namedError("NoApi", "uproot.api: this experiment has no api. Define api(request, session) beside its pages."));
        },

        /* Call the function api2(session, request) of an app of this session. */
        api2(app, options = {}) {
            const path = `../../api2/${encodeURIComponent(app)}/${encodeURIComponent(uproot.sname)}/`;
            return fetch(new URL(path, location.href), options);
        },

        /* The value chosen in a group of radio buttons or a drop-down list, or null. */
        selectedValue(name) {
            const named = Array.from(document.getElementsByName(name));
            const chosen = named.find((element) => element.checked || element.tagName === "SELECT");
            return chosen ? chosen.value : null;
        },

        escape(text) {
            const span = build("span", {}, String(text ?? ""));
            return span.innerHTML.replace(/"/g, "&quot;").replace(/'/g, "&#39;");
        },

        I,
    };
    uproot.inner = { attempt, boot, build, callBack, condition, happenings, isEnter, updateStore, link, memory, namedError, notices, noteSubmitted, post, randomWord, report, text, unsentWords };
    window.I = I;
    window.C = window.C || uproot.C;
    if (!off.includes("terms")) window._ = text;

    followColourScheme();
    document.addEventListener("alpine:init", () => Alpine.store("uproot", { ...condition }));
    window.addEventListener("submit", submitOnce);
    // Added when the event begins, so that it runs after the listeners of the page's own script.
    window.addEventListener("submit", () => window.addEventListener("submit", takeOver, { once: true }), true);
    uproot.onStart(attract);
    uproot.onStart(reachWideContent);
    // After Back the browser may show the page from its cache, as it was when the form was sent.
    window.addEventListener("pageshow", (event) => event.persisted && submitted && reload());

    /* Begins after the page's scripts have run, so that their handlers miss nothing. */
    function init() {
        if (boot.page === undefined || begun) return;      // A page without a player.
        begun = true;
        uproot.onStart(() => {
            notices.showLoss(text("Connecting…"));
            setTimeout(() => link.begin(), 0);
        });
    }

    if (boot.page === undefined) return;

    uproot.onStart(() => {
        notices.connection();
        notices.region("uproot-toasts", "log");
        notices.showState(condition.state);
    });
    if (!off.includes("auto-start")) init();
    window.addEventListener("online", () => link.hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && link.hurry());
    window.addEventListener("pagehide", () => {
        link.rest();                        // An open socket would keep the page out of the browser's cache.
        updateStore({ connected: false });
        notices.hideLoss();
    });
    window.addEventListener("pageshow", (event) => {
        if (event.persisted && begun && !submitted && !calls.refusal) link.begin();
    });
})();
