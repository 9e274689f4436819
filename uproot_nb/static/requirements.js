/* requirements: reports what the browser has, tells the participant what is missing, and holds a
 * page in full screen.
 *
 * The kernel decides by the report, and loads the page. The clock of a page in full screen begins
 * when its participant is there for the first time. Leaving it covers the page; the clock goes on.
 */
(() => {
    "use strict";

    const { attempt, boot, build, happenings, report, text } = uproot.inner;
    const I = (id) => document.getElementById(id);

    const SETTLE = 250;             // milliseconds without a change of the window

    /* ---- Before the page ------------------------------------------------------------------ */

    function client() {
        return {
            width: Math.round(window.innerWidth),
            height: Math.round(window.innerHeight),
            is_touch: matchMedia("(pointer: coarse)").matches,
            has_mouse: matchMedia("(any-pointer: fine)").matches,
            has_fullscreen: Boolean(document.fullscreenEnabled),
        };
    }

    function missing(needs, has) {
        const words = [];
        if (needs.touch === false && has.is_touch) words.push(text("Please use a computer for this page."));
        else if (needs.touch === true && !has.is_touch) words.push(text("Please use a phone or a tablet for this page."));
        else if (needs.pointer === "fine" && !has.has_mouse) words.push(text("Please use a mouse or a touchpad for this page."));
        else if (needs.fullscreen && !has.has_fullscreen) words.push(text("This browser cannot show pages in full screen. Please use another one."));
        else if (has.width < (needs.min_width || 0) || has.height < (needs.min_height || 0)) words.push(text("Please make this window larger."));
        if (words.length) words.push(text("The page continues automatically once this is done."));
        return words;
    }

    let told = null;
    let timer = null;

    function check() {
        const has = client();
        const words = missing(boot.requires, has);
        if (words.length && words.join() !== told) {
            told = words.join();
            I("uproot-requirements").replaceChildren(...words.map((sentence) => build("p", {}, sentence)));
        }
        report("client", has);
    }

    function checkSoon() {
        clearTimeout(timer);
        timer = setTimeout(check, SETTLE);
    }

    if (boot.requires) {
        uproot.onStart(checkSoon);
        window.addEventListener("resize", checkSoon);
        ["(pointer: coarse)", "(any-pointer: fine)"].forEach((query) => matchMedia(query).addEventListener("change", checkSoon));
        ["ready", "reconnect", "state"].forEach((name) => happenings.addEventListener(name, check));
    }

    /* ---- In full screen --------------------------------------------------------------------- */

    let cover = null;
    let begun = false;
    let isHeld = Boolean(boot.stopped);     // whether the clock waits for it, or for a pause to end

    /* A page that the browser shows in full screen by itself (a kiosk) needs no press. */
    function isFull() {
        return document.fullscreenElement !== null || matchMedia("(display-mode: fullscreen)").matches;
    }

    function follow() {
        const full = isFull();
        document.documentElement.classList.toggle("uproot-covered", !full);
        I("uproot-container").inert = !full;
        if (full) {
            begun = true;
            reportFull();
            if (cover) cover.remove();
            cover = null;
        } else if (!cover) show();
    }

    function show() {
        const words = [begun ? text("Please return to full screen to go on.") : text("This page is shown in full screen.")];
        if (typeof boot.timeout === "number" && begun) words.push(text("Your time is still running."));
        const button = build("button", { type: "button", class: "btn btn-primary" }, text("Show in full screen"));
        button.addEventListener("click", () => attempt(() => document.documentElement.requestFullscreen().catch(() => {})));
        const [first, ...others] = words;
        const alert = build("div", { role: "alert" }, build("h1", {}, first), ...others.map((sentence) => build("p", {}, sentence)));
        cover = build("main", { id: "uproot-cover" }, alert, button);
        document.body.prepend(cover);
        button.focus();
    }

    /* Again after each loss of the connection, until the server has started the clock. */
    function reportFull() {
        if (begun && isHeld) report("fullscreen", { visit: boot.entered });
    }

    if (boot.fullscreen) {
        uproot.onStart(follow);
        document.addEventListener("fullscreenchange", follow);
        happenings.addEventListener("clock", ({ detail }) => { isHeld = isHeld && detail.stopped; });
        ["ready", "reconnect", "state"].forEach((name) => happenings.addEventListener(name, reportFull));
    }
})();
