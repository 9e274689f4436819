/* waiting: what moves on a wait page. It shows how many are here, and how many are awaited. */
(() => {
    "use strict";

    const { memory, text } = uproot.inner;
    const SPEAK_EVERY = 5000;       // milliseconds
    const MOST_PLACES = 24;
    const title = document.title;
    let spoken = "";
    let timer = null;

    const I = uproot.I;

    function show({ here, needed }) {
        const known = Number.isInteger(here) && Number.isInteger(needed) && needed > 0;
        const words = known ? wordsFor(needed - here) : "";
        showPlaces(known ? here : 0, known ? needed : 0);
        document.title = known ? `(${Math.min(here, needed)}/${needed}) ${title}` : title;
        if (I("uproot-awaited")) I("uproot-awaited").textContent = words;
        speakSoon(words);
    }

    function wordsFor(missing) {
        if (missing <= 0) return text("Everybody is here.");
        if (missing === 1) return text("Please wait for one more participant.");
        return text("Please wait for {count} more participants.", { count: missing });
    }

    /* One dot for each who is needed; a crowd is told in words alone. */
    function showPlaces(here, needed) {
        const places = I("uproot-places");
        if (!places) return;
        const count = needed <= MOST_PLACES ? needed : 0;
        while (places.children.length > count) places.lastChild.remove();
        while (places.children.length < count) places.append(document.createElement("span"));
        Array.from(places.children).forEach((place, number) => place.classList.toggle("uproot-here", number < here));
    }

    /* Whoever listens hears the newest news, but not all of it. */
    function speakSoon(words) {
        const wasQuiet = timer === null;
        spoken = words;
        if (!wasQuiet) return;
        timer = setTimeout(() => {
            timer = null;
            if (I("uproot-wait-status")) I("uproot-wait-status").textContent = spoken;
        }, I("uproot-wait-status")?.textContent ? SPEAK_EVERY : 0);
    }

    uproot.onCustomEvent("_uproot_wait", ({ detail }) => show(detail.data || {}));
    uproot.onStart(() => {
        const { here, needed } = I("uproot-wait")?.dataset || {};
        if (needed) show({ here: Number(here), needed: Number(needed) });
    });
    window.addEventListener("pagehide", () => memory.keep("uproot-waited", "yes"));
})();
