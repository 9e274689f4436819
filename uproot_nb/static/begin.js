/* begin: goes on from a personal link by itself, as soon as the page has a connection.
 *
 * Mail scanners and link previews fetch the page and stop there. Without a connection the button
 * stays, for a person to press.
 */
(() => {
    "use strict";

    const SHOW_AFTER = 1500;        // milliseconds, like all times below
    const FIRST_RETRY = 500;
    const LAST_RETRY = 8000;
    const DECIDED = [4403, 4404];   // this address leads nowhere, or no longer

    const marks = document.documentElement.classList;
    let pause = FIRST_RETRY;
    let begun = false;

    function show() {
        marks.remove("uproot-beginning");
    }

    function begin() {
        if (begun) return;
        begun = true;
        const form = document.getElementById("uproot-form");
        form.submit();
    }

    function receive(said) {
        pause = FIRST_RETRY;
        if (said.op === "status" && said.state === "running") begin();
        else show();
    }

    function lose(code) {
        if (DECIDED.includes(code)) return location.replace(location.href);
        show();
        setTimeout(connect, pause * (0.5 + Math.random() / 2));
        pause = Math.min(pause * 2, LAST_RETRY);
        return undefined;
    }

    function connect() {
        if (begun) return;
        const socket = new UprootConnection("ws?page=-1&since=0");
        socket.onmessage = (message) => receive(JSON.parse(message.data));
        socket.onclose = ({ code }) => !begun && lose(code);
    }

    function start() {
        setTimeout(show, SHOW_AFTER);
        connect();
    }

    /* A browser may load a page in advance, without anybody who sees it. */
    function startWhenSeen() {
        if (document.prerendering) document.addEventListener("prerenderingchange", start, { once: true });
        else start();
    }

    if (matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.dataset.bsTheme = "dark";
    marks.add("uproot-beginning");
    window.addEventListener("submit", (event) => {
        if (begun) event.preventDefault();      // a second click
        begun = true;
    });
    window.addEventListener("pageshow", (event) => event.persisted && location.replace(location.href));
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startWhenSeen);
    else startWhenSeen();
})();
