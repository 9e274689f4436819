/* farewell: copies the code of an exit, and goes on by itself unless the participant stays. */
(() => {
    "use strict";

    const COPIED_FOR = 4000;        // milliseconds
    const I = (id) => document.getElementById(id);
    const code = I("uproot-code");
    const copy = I("uproot-copy");
    const way = I("uproot-exit");
    const box = I("uproot-countdown");

    /* ---- The code -------------------------------------------------------------------------- */

    /* Without https, browsers have no clipboard but that of the selection. */
    function copySelection() {
        const range = document.createRange();
        range.selectNodeContents(code);
        const selection = getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
        return document.execCommand("copy");
    }

    async function copyCode() {
        try {
            await navigator.clipboard.writeText(code.textContent);
            return true;
        } catch {
            return copySelection();
        }
    }

    async function onCopy() {
        const good = await copyCode();
        I("uproot-copied").textContent = good ? copy.dataset.done : copy.dataset.failed;
        if (good) setTimeout(() => { I("uproot-copied").textContent = ""; }, COPIED_FOR);
    }

    if (copy) {
        copy.hidden = false;
        copy.addEventListener("click", onCopy);
    }

    /* ---- The countdown --------------------------------------------------------------------- */

    const goal = box && (way.href || I("uproot-exit-form").action);
    const mark = "uproot-went-on";

    /* Who comes back by the browser's Back button wants to stay. */
    function wentOnBefore() {
        try {
            return sessionStorage.getItem(mark) === goal;
        } catch {
            return false;
        }
    }

    function goOn() {
        try {
            sessionStorage.setItem(mark, goal);
        } catch { /* Then Back counts down again, and can be stopped. */ }
        way.click();
    }

    function countDown() {
        const until = performance.now() + Number(box.dataset.seconds) * 1000;
        let timer = null;

        function tick() {
            const left = Math.ceil((until - performance.now()) / 1000);
            if (left <= 0) return goOn();
            I("uproot-countdown-words").textContent = box.dataset.words.replace("{count}", left);
            timer = setTimeout(tick, (until - performance.now()) % 1000 || 1000);
        }

        function stay() {
            clearTimeout(timer);
            box.remove();
            I("uproot-countdown-said").textContent = box.dataset.stopped;
            way.focus();
        }

        I("uproot-stay").addEventListener("click", stay);
        way.addEventListener("click", () => clearTimeout(timer));
        box.hidden = false;
        tick();
    }

    if (box && !wentOnBefore()) countDown();
    window.addEventListener("pageshow", (event) => { if (event.persisted && box) box.remove(); });
})();
