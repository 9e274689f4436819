/* forms: improves the fields of a page. Without it every field still works and posts the same.
 *
 * Sliders show their value, and one that starts without a handle posts nothing until it is touched.
 * Optional answers can be cleared, and too many ticked boxes are reported at once.
 */
(() => {
    "use strict";

    const all = (selector, root = document) => [...root.querySelectorAll(selector)];

    /* ---- Sliders -------------------------------------------------------------------------- */

    function fraction(slider) {
        const [min, max] = [Number(slider.min || 0), Number(slider.max || 100)];
        return max > min ? (slider.valueAsNumber - min) / (max - min) : 0;
    }

    /* A page may define `<field>Formatter = (value) => text` to format the shown value. */
    function written(slider) {
        const formatter = window[`${slider.name}Formatter`];
        return typeof formatter === "function" ? String(formatter(slider.valueAsNumber)) : "";
    }

    function show(slider) {
        const frame = slider.closest(".uproot-slider");
        const untouched = "untouched" in slider.dataset;
        const text = written(slider);
        frame.classList.toggle("uproot-untouched", untouched);
        frame.style.setProperty("--at", fraction(slider));
        const output = frame.querySelector("output");
        if (output) output.textContent = untouched ? "" : text || slider.value;
        if (untouched) {
            slider.setAttribute("aria-valuetext", slider.dataset.unanswered);
        } else if (text) {
            slider.setAttribute("aria-valuetext", text);
        } else {
            slider.removeAttribute("aria-valuetext");
        }
        slider.setCustomValidity(untouched ? slider.dataset.missing || "" : "");
        toggleClear(frame, !untouched);
    }

    function touch(slider) {
        delete slider.dataset.untouched;
        show(slider);
    }

    function prepareSlider(slider) {
        if ("untouched" in slider.dataset) slider.removeAttribute("form");
        show(slider);
    }

    /* ---- Numbers --------------------------------------------------------------------------- */

    /* The number that a text stands for; NaN if it is none, or could be two. The rules are those of
     * experiment/numbers.py, by which the server reads it anew; the server alone decides. */
    function numberOf(text, { decimalSign = ".", thousands = ",", whole } = {}) {
        const plain = Array.from(text.replace(FOREIGN, (found) => SAME.get(found)).trim(), digitOf).join("");
        const parts = /^([-+]?)([^eE]*)(?:[eE]([-+]?\d{1,4}))?$/.exec(plain);
        if (!parts || !/\d/.test(parts[2])) return NaN;
        const [, sign, mantissa, exponent = "0"] = parts;
        if (whole !== undefined && /^[1-9]\d*[.,]\d{3,}$/.test(mantissa)) return NaN;
        const own = mantissa.includes(ARABIC_POINT) ? ARABIC_POINT : decimalSign;
        const digits = decimalsOf(mantissa, own, thousands);
        return digits === null ? NaN : Number(`${sign}${digits}e${exponent}`);
    }

    /* The digits with a point as decimal sign; null if they are no number, or could be two. */
    function decimalsOf(text, own, thousands) {
        const [whole, rest] = cut(text, own), other = own === "." ? "," : ".";
        if (isDigits(whole + rest)) return `${whole}.${rest}`;
        const groups = /^[1-9]\d{0,2}([^0-9])\d{3}((?:\1\d{3})*)$/.exec(whole);
        if (groups && isDigits(rest)) {
            const isOne = groups[1] === other && !groups[2] && !text.includes(own);
            const isUsual = thousands.includes(groups[1]) || groups[1] === ARABIC_THOUSANDS;
            return isUsual && !isOne ? `${whole.replace(/\D/g, "")}.${rest}` : null;
        }
        const [before, after] = cut(text, other);
        return !text.includes(own) && isDigits(before + after) ? `${before}.${after}` : null;
    }

    const cut = (text, sign) => (text.includes(sign) ? [text.slice(0, text.indexOf(sign)), text.slice(text.indexOf(sign) + 1)] : [text, ""]);
    const isDigits = (text) => /^\d*$/.test(text);
    const [ARABIC_POINT, ARABIC_THOUSANDS] = ["\u066b", "\u066c"];
    const SAME = new Map([
        ["\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"], ["\ufe62\uff0b", "+"], ["\u3002\uff0e\uff61", "."],
        ["\u060c\u3001\uff0c\uff64", ","], ["\u00a0\u2007\u2009\u202f", " "], ["\u2019\u02bc\uff07\u2032", "'"],
        ["\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", ""],
    ].flatMap(([variants, usual]) => Array.from(variants, (variant) => [variant, usual])));
    const FOREIGN = new RegExp(`[${[...SAME.keys()].join("")}]`, "g");

    /* In Unicode, the digits of each script are ten consecutive characters. */
    function digitOf(character) {
        if (!/\p{Nd}/u.test(character)) return character;
        let code = character.normalize("NFKC").codePointAt(0), value = 0;
        while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - 1))) [code, value] = [code - 1, value + 1];
        return String(value);
    }

    /* Scripts can still read and set a number. */
    function prepareNumber(input) {
        const sign = input.dataset.decimalSign;
        Object.defineProperty(input, "valueAsNumber", {
            configurable: true,
            get: () => numberOf(input.value, input.dataset),
            set: (number) => { input.value = Number.isFinite(number) ? String(number).replace(".", sign) : ""; },
        });
    }

    /* Values set by browsers have a decimal point in all languages; the server must know. */
    function nameWritten(event) {
        for (const input of all("input[type=number][name]", document)) {
            if (input.form === event.target && input.value) event.formData.append("_uproot_number", input.name);
        }
    }

    function dropUntouched(event) {
        for (const slider of all("input[type=range][data-untouched]", event.target)) {
            event.formData.delete(slider.name);
        }
    }

    /* ---- Answers that can be cleared ---------------------------------------------------- */

    function toggleClear(frame, isThere) {
        const button = frame.querySelector(".uproot-clear")
            || (frame.parentElement && frame.parentElement.querySelector(":scope > .uproot-clear"));
        if (button) button.hidden = !isThere;
    }

    function showClear(group) {
        toggleClear(group, group.querySelector("input:checked") !== null);
    }

    function clear(button) {
        const frame = button.closest(".uproot-slider");
        const slider = frame && frame.querySelector("input[type=range]");
        const inputs = slider ? [slider] : all("input", button.parentElement);
        const changed = slider || inputs.find((input) => input.checked);
        if (slider) {
            slider.dataset.untouched = "";
            slider.value = (Number(slider.min) + Number(slider.max)) / 2;
            show(slider);
        }
        for (const input of inputs) input.checked = false;
        button.hidden = true;
        inputs[0].focus();
        if (changed && !slider) changed.dispatchEvent(new Event("change", { bubbles: true }));
    }

    /* ---- Limits on ticked boxes --------------------------------------------------------- */

    function count(group) {
        const boxes = all("input[type=checkbox]", group);
        if (boxes.length === 0) return;     // a script of the page adds them later
        const chosen = boxes.filter((box) => box.checked).length;
        const { few, many, tooFew, tooMany } = group.dataset;
        const isTooMany = many !== undefined && chosen > Number(many);
        const isTooFew = few !== undefined && chosen < Number(few);
        boxes[0].setCustomValidity(isTooMany ? tooMany : isTooFew ? tooFew : "");
    }

    /* ---- Setup, and handlers of changes ------------------------------------------------- */

    const COUNTED = ".uproot-choices[data-few], .uproot-choices[data-many]";
    const SLIDER = ".uproot-slider input[type=range]";

    function changed({ target }) {
        if (!(target instanceof HTMLInputElement)) return;
        if (target.matches(SLIDER)) touch(target);
        const counted = target.closest(COUNTED);
        if (counted) count(counted);
        const clearable = target.closest("[data-clearable]");
        if (clearable) showClear(clearable);
    }

    function clicked({ target }) {
        if (!(target instanceof Element)) return;
        const button = target.closest(".uproot-clear");
        if (button) clear(button);
        else if (target.matches(SLIDER)) touch(target);     // also if the value is that of the handle
    }

    /* Scrolling over a focused number must not change it. */
    function scrolled({ target }) {
        if (target === document.activeElement && target.type === "number") target.blur();
    }

    function prepare(root = document) {
        const found = (selector) => (root !== document && root.matches(selector) ? [root] : []).concat(all(selector, root));
        found(SLIDER).forEach(prepareSlider);
        found("input[data-decimal-sign]").forEach(prepareNumber);
        found(COUNTED).forEach(count);
        found("[data-clearable]").forEach(showClear);
    }

    /* A script of the page may add fields later, as for "Other, namely". */
    const additions = new MutationObserver((changes) => {
        changes.flatMap(({ addedNodes }) => [...addedNodes]).filter((node) => node instanceof Element).forEach((node) => prepare(node));
    });

    document.addEventListener("input", changed);
    document.addEventListener("change", changed);
    document.addEventListener("click", clicked);
    document.addEventListener("wheel", scrolled, { passive: true });
    document.addEventListener("formdata", dropUntouched);
    document.addEventListener("formdata", nameWritten);
    window.addEventListener("pageshow", () => prepare());   // also for a page from the browser's cache
    prepare();
    additions.observe(document.body, { childList: true, subtree: true });
    const summary = document.getElementById("uproot-errors");
    if (summary) summary.focus();
})();
