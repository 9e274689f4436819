/* timeouts: the countdown of a page with a deadline, and the form at its end.
 *
 * The server enforces the deadline. This script shows the time left, by a clock that nobody can
 * set, and posts the participant's answers when the server asks for them. Without a connection it
 * shows that time is up, and goes on as soon as it can.
 */
(() => {
    "use strict";

    const { boot, build, condition, happenings, updateStore, link, notices, post, text } = uproot.inner;

    const WARNING = 60000;          // milliseconds, like all times below
    const DANGER = 15000;
    const SPOKEN_AT = [60000, 15000, 5000];
    const SERVER_ACTS_WITHIN = 3000;
    const KNOCK_EVERY = 5000;

    const limited = typeof boot.timeout === "number";
    let total = boot.timeout;
    let start = performance.now();
    let stopped = boot.state === "paused" || Boolean(boot.stopped);
    let ticking = null;
    const script = document.currentScript.src;
    let before = limited ? boot.timeout : 0;
    let overdue = null;
    let sent = false;

    function remaining() {
        if (!limited) return 0;
        return stopped ? total : Math.max(0, total - (performance.now() - start));
    }

    /* 65,000 ms are "1:05"; 0:00 is shown only when no time is left. */
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
        updateStore({ timeout });
        show(timeout);
        const box = document.getElementById("uproot-timeout");
        if (!box || !box.hidden) announce(before, left);    // who shows another time instead announces that
        before = left;
        tell("UprootInternalPageTimeout", { ...timeout, remainingMs: left });
        clearTimeout(ticking);
        if (stopped) return;        // Until the server starts it again.
        if (left > 0) ticking = setTimeout(tick, Math.ceil(left % 1000) || 1000);
        else end();
    }

    /* The server sends the time left after a pause, or when the connection is back. */
    function set(clock) {
        if (sent) return;
        clearTimeout(overdue);
        overdue = null;
        [total, stopped, start] = [clock.remaining, clock.stopped, performance.now()];
        before = total;
        close(false);
        tick();
    }

    /* Authors may show the time elsewhere on the page, and remove the box. */
    function show({ level, text: words }) {
        const box = document.getElementById("uproot-timeout");
        const time = document.getElementById("uproot-time-remaining");
        if (box) box.classList.toggle("uproot-timeout-stopped", stopped);
        if (box) ["light", "warning", "danger"].forEach((name) => box.classList.toggle(`uproot-timeout-${name}`, name === level));
        if (time) time.textContent = words;
        document.querySelectorAll("[data-uproot-timeout]").forEach((place) => { place.textContent = words; });
    }

    /* A screen reader gets only some moments, not every second: those from *earlier* left to *left*, in milliseconds. */
    function announce(earlier, left) {
        const passed = SPOKEN_AT.filter((moment) => earlier > moment && left <= moment);
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

    /* The server decides when: here time may be up a moment earlier or later. */
    function end() {
        announcer().textContent = text("Time is up.");
        close(true);
        overdue = setTimeout(knock, SERVER_ACTS_WITHIN);
        if (!link.isOpen) showWhyItStays();
    }

    /* What is entered from now on would be too late. */
    function close(isOver) {
        const form = document.getElementById("uproot-form");
        if (form && !uproot.inner.isSending()) form.inert = isOver;
    }

    /* Once the connection is back, the server acts; if only the socket is lost, send the form. */
    function knock() {
        overdue = setTimeout(knock, KNOCK_EVERY);
        if (condition.state !== "running") return;
        if (link.isOpen) send();
        else fetch(script, { cache: "no-store" }).then((answer) => answer.ok && send(), showWhyItStays);
    }

    function showWhyItStays() {
        notices.showWorse(text("Time is up. This page continues as soon as the connection is back."));
    }

    /* Posts the form as it is, even if the page's own script prevents that. */
    function send() {
        if (sent) return;
        sent = true;
        clearTimeout(overdue);
        post({ _uproot_timeout: "1" }, true);
    }

    /* The server has gone on without this form, or will: it gets what was entered before. */
    function sendLate() {
        if (!limited || sent || remaining() > 0 || !document.getElementById("uproot-form")) return false;
        send();
        return sent && uproot.inner.isSending();
    }

    happenings.addEventListener("timeout", send);
    Object.assign(uproot.inner, { sendLate, announceTime: announce });
    happenings.addEventListener("clock", ({ detail }) => limited && set(detail));
    uproot.pageTimeoutRemainingMs = remaining;

    if (!limited) return;
    happenings.addEventListener("reconnect", () => overdue !== null && knock());
    happenings.addEventListener("disconnect", () => overdue !== null && showWhyItStays());
    uproot.onStart(() => setTimeout(() => {     // after the page's scripts, so that their handlers run
        tell("UprootInternalPageTimeoutSet", { remainingMs: remaining(), durationMs: boot.timeout });
        tick();
    }, 0));
})();
