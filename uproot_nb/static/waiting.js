/* waiting: the moving parts of a wait page. It shows how many are here, and how many are missing. */
(() => {
    "use strict";

    const { memory, text } = uproot.inner;
    const ANNOUNCE_EVERY = 5000;       // milliseconds
    const MOST_PLACES = 24;
    const title = document.title;
    let newest = "";
    let timer = null;

    const I = uproot.I;

    function show({ here, needed, waiting }) {
        const known = Number.isInteger(here) && Number.isInteger(needed) && needed > 0;
        const words = known ? wordsFor(needed - here) : "";
        showPlaces(known ? here : 0, known ? needed : 0);
        document.title = known ? `(${Math.min(here, needed)}/${needed}) ${title}` : title;
        if (I("uproot-awaited")) I("uproot-awaited").textContent = words;
        if (I("uproot-gathered")) I("uproot-gathered").textContent = known ? text("Here: {here} of {needed}", { here, needed }) : countOf(waiting);
        announceSoon(words);
    }

    function wordsFor(missing) {
        if (missing <= 0) return text("Everybody is here.");
        if (missing === 1) return text("Please wait for one more participant.");
        return text("Please wait for {count} more participants.", { count: missing });
    }

    /* Where a rule of the author's decides, only their number is known. */
    function countOf(waiting) {
        return Number.isInteger(waiting) && waiting > 0 ? text("Waiting: {count}", { count: waiting }) : "";
    }

    /* One dot for each participant needed; for many participants, only the text. */
    function showPlaces(here, needed) {
        const places = I("uproot-places");
        if (!places) return;
        const count = needed <= MOST_PLACES ? needed : 0;
        while (places.children.length > count) places.lastChild.remove();
        while (places.children.length < count) places.append(document.createElement("span"));
        Array.from(places.children).forEach((place, number) => place.classList.toggle("uproot-here", number < here));
    }

    /* A screen reader gets the newest text, but not every one. */
    function announceSoon(words) {
        const wasQuiet = timer === null;
        newest = words;
        if (!wasQuiet) return;
        timer = setTimeout(() => {
            timer = null;
            if (I("uproot-wait-status")) I("uproot-wait-status").textContent = newest;
        }, I("uproot-wait-status")?.textContent ? ANNOUNCE_EVERY : 0);
    }

    uproot.onCustomEvent("_uproot_wait", ({ detail }) => show(detail.data || {}));
    uproot.onStart(() => {
        const { here, needed, waiting } = I("uproot-wait")?.dataset || {};
        if (needed) show({ here: Number(here), needed: Number(needed) });
        else if (waiting) show({ waiting: Number(waiting) });
    });
    window.addEventListener("pagehide", () => memory.store("uproot-waited", "yes"));
})();
