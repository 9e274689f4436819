/* chat: the widget that chat(id) puts on a page. Messages are shown as text only. */
(() => {
    "use strict";

    const SEND = "_uproot_chat_send";
    const PUSHED = "_uproot_chat";
    const REPLIES = "_uproot_chat_replies";
    const NEAR_THE_END = 80;        // pixels: a reader further up is not moved
    const NOT_SENT = "Your message was not sent. Please try again.";

    if (customElements.get("uproot-chat")) return;      // several chats on a page load the script several times

    function build(tag, className, ...children) {
        const element = document.createElement(tag);
        if (className) element.className = className;
        element.append(...children);    // strings become text, never markup
        return element;
    }

    function clock(seconds) {
        const when = new Date(seconds * 1000);
        const language = document.documentElement.lang || undefined;
        const shown = build("time", "uproot-chat-time", when.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" }));
        shown.dateTime = when.toISOString();
        return shown;
    }

    class UprootChat extends HTMLElement {
        connectedCallback() {
            if (this.boot) return;
            this.boot = JSON.parse(this.querySelector("script").textContent);
            if (this.boot.me === null) return;
            this.log = this.querySelector("[role=log]");
            this.list = this.querySelector("ol");
            this.input = this.querySelector("textarea");
            this.button = this.querySelector("button");
            this.problem = this.querySelector("[role=status]");
            this.seen = new Set();
            this.boot.messages.forEach((message) => this.add(message));
            // Only messages that arrive from now on are read aloud.
            setTimeout(() => this.log.setAttribute("aria-live", "polite"), 0);
            this.listen();
        }

        listen() {
            uproot.onCustomEvent(PUSHED, ({ detail: { data } }) => {
                if (data.chat === this.boot.chat) this.add(data);
            });
            uproot.onCustomEvent(REPLIES, ({ detail: { data } }) => {
                if (data.chat === this.boot.chat) this.open(data.open);
            });
            this.button.addEventListener("click", () => this.send());
            this.input.addEventListener("input", () => this.fit());
            this.input.addEventListener("keydown", (event) => {
                if (!uproot.inner.isEnter(event) || event.shiftKey) return;
                event.preventDefault();
                this.send();
            });
        }

        open(wanted) {
            const is = wanted && !this.boot.ended;
            this.querySelector(".uproot-chat-line").hidden = !is;
            this.querySelector(".uproot-chat-closed").hidden = is;
        }

        add(message) {
            if (this.seen.has(message.id)) return;
            this.seen.add(message.id);
            const own = message.from !== null && message.from === this.boot.me;
            const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_THE_END;
            this.list.append(this.shown(message, own));
            if (own || atEnd) this.log.scrollTop = this.log.scrollHeight;
        }

        shown(message, own) {
            const name = own ? this.boot.texts.You : message.name || this.boot.host;
            const sender = build("bdi", "uproot-chat-sender", name);
            const text = build("p", "uproot-chat-text", message.text);
            text.dir = "auto";
            const kind = own ? "own" : message.from === null ? "told" : "other";
            return build("li", `uproot-chat-message uproot-chat-${kind}`,
                build("div", "uproot-chat-head", sender, " ", clock(message.time)), text);
        }

        /* The text stays in the input until the server has it, so that it can be sent again. */
        async send() {
            const text = this.input.value;
            if (this.sending || !text.trim()) return;
            this.sending = true;
            this.showProblem("");
            try {
                await uproot.invoke(SEND, this.boot.chat, text);
                if (this.input.value === text) this.input.value = "";
                this.fit();
            } catch (error) {
                const { texts } = this.boot;
                this.showProblem(texts[error.message] || texts[NOT_SENT]);
            } finally {
                this.sending = false;
            }
        }

        showProblem(text) {
            this.problem.textContent = text;
        }

        fit() {
            this.input.style.blockSize = "auto";
            this.input.style.blockSize = `${this.input.scrollHeight + 2}px`;
        }
    }

    customElements.define("uproot-chat", UprootChat);
})();
