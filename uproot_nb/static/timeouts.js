/* timeouts: the countdown of a page that has a deadline, and what happens at its end.
 *
 * The server keeps the deadline and acts on it. This script shows how much time is left, by the
 * clock that nobody can set, and posts what the participant has entered when the server says so.
 * Without a connection it says calmly that the time is up, and goes on as soon as it can.
 */
(() => {
    "use strict";

    const { boot, build, condition, happenings, keepStore, link, notices, post, text } = uproot.inner;

    const WARNING = 60000;          // milliseconds, like all times below
    const DANGER = 15000;
    const SPOKEN_AT = [60000, 15000, 5000];
    const SERVER_ACTS_WITHIN = 3000;
    const KNOCK_EVERY = 5000;

    const limited = typeof boot.timeout === "number";
    let total = boot.timeout;
    let start = performance.now();
    let stopped = boot.state === "paused";
    let ticking = null;
    const script = document.currentScript.src;
    let before = limited ? boot.timeout : 0;
    let overdue = null;
    let sent = false;

    function remaining() {
        if (!limited) return 0;
        return stopped ? total : Math.max(0, total - (performance.now() - start));
    }

    /* 65,000 ms are "1:05"; no moment that is still there shows as 0:00. */
    function clockText(milliseconds) {
        const seconds = Math.ceil(milliseconds / 1000);
        const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
        const shown = parts[0] > 0 ? parts : parts.slice(1);
        return shown.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
    }

    function levelOf(milliseconds) {
        if (milliseconds > WARNING) return "light";
        return milliseconds >= DANGER ? "warning" : "danger";
    }

    /* ---- The countdown -------------------------------------------------------------------- */

    function tick() {
        const left = remaining();
        const words = clockText(left);
        const timeout = { active: left > 0, level: levelOf(left), text: words, compact: words };
        keepStore({ timeout });
        show(timeout);
        speak(left);
        before = left;
        tell("UprootInternalPageTimeout", { ...timeout, remainingMs: left });
        clearTimeout(ticking);
        if (stopped) return;        // Until the server sets it going again.
        if (left > 0) ticking = setTimeout(tick, Math.ceil(left % 1000) || 1000);
        else end();
    }

    /* The server says how much time is left after a pause, or when a connection is back. */
    function set(clock) {
        if (sent) return;
        clearTimeout(overdue);
        overdue = null;
        [total, stopped, start] = [clock.remaining, clock.stopped, performance.now()];
        before = total;
        tick();
    }

    /* Authors may move the time elsewhere on the page, and remove the box. */
    function show({ level, text: words }) {
        const box = document.getElementById("uproot-timeout");
        const time = document.getElementById("uproot-time-remaining");
        if (box) box.classList.toggle("uproot-timeout-stopped", stopped);
        if (box) ["light", "warning", "danger"].forEach((name) => box.classList.toggle(`uproot-timeout-${name}`, name === level));
        if (time) time.textContent = words;
    }

    /* A screen reader hears only the moments that matter, not every second. */
    function speak(left) {
        const passed = SPOKEN_AT.filter((moment) => before > moment && left <= moment);
        if (passed.length === 0 || left === 0) return;
        const seconds = Math.min(...passed) / 1000;
        const words = seconds === 60 ? text("One minute left.") : text("{seconds} seconds left.", { seconds });
        announcer().textContent = words;
    }

    function announcer() {
        const known = document.getElementById("uproot-announcer");
        if (known) return known;
        const region = build("div", { id: "uproot-announcer", class: "visually-hidden", role: "status", "aria-live": "polite" });
        document.body.append(region);
        return region;
    }

    function tell(name, detail) {
        window.dispatchEvent(new CustomEvent(name, { detail }));
    }

    /* ---- The end -------------------------------------------------------------------------- */

    /* The server says when: here the time may be up a moment earlier or later. */
    function end() {
        announcer().textContent = text("Time is up.");
        overdue = setTimeout(knock, SERVER_ACTS_WITHIN);
        if (!link.isOpen) sayWhyItStays();
    }

    /* Once the connection is back, the server acts by itself; and if it is the only thing lost, we go on. */
    function knock() {
        overdue = setTimeout(knock, KNOCK_EVERY);
        if (condition.state !== "running") return;
        if (link.isOpen) send();
        else fetch(script, { cache: "no-store" }).then((answer) => answer.ok && send(), sayWhyItStays);
    }

    function sayWhyItStays() {
        notices.showWorse(text("Time is up. This page goes on as soon as the connection is back."));
    }

    /* Posts the form as it is, whatever the page's own script thinks of it. */
    function send() {
        if (sent) return;
        sent = true;
        clearTimeout(overdue);
        post({ _uproot_timeout: "1" }, true);
    }

    happenings.addEventListener("timeout", send);
    happenings.addEventListener("clock", ({ detail }) => limited && set(detail));
    uproot.pageTimeoutRemainingMs = remaining;

    if (!limited) return;
    happenings.addEventListener("reconnect", () => overdue !== null && knock());
    happenings.addEventListener("disconnect", () => overdue !== null && sayWhyItStays());
    uproot.onStart(() => setTimeout(() => {     // after the page's scripts: they hear it begin
        tell("UprootInternalPageTimeoutSet", { remainingMs: remaining(), durationMs: boot.timeout });
        tick();
    }, 0));
})();
