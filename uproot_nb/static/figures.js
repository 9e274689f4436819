/* figures: sums, means and order of a page's numbers, and small things that scripts need. */
(() => {
    "use strict";

    const inApp = Boolean(uproot.inner.boot.app);

    const isThere = (value) => value !== undefined && value !== null;
    const listOf = (values) => (Array.isArray(values) ? values : Array.from(values));
    /* Gaps in a list (holes, null) are no values. In apps of the framework, where its figures are
     * expected, they count as it counts them. */
    const present = (values) => (inApp ? listOf(values) : listOf(values).filter(isThere));
    const sumOf = (list) => list.reduce((total, value) => total + value, 0);
    const meanOf = (list) => sumOf(list) / list.length;
    const sum = (values) => sumOf(present(values));
    const mean = (values) => meanOf(present(values));

    /* The standard deviation of a sample, which divides by n - 1. */
    function sd(values) {
        const list = present(values), middle = meanOf(list);
        return Math.sqrt(sumOf(list.map((value) => (value - middle) ** 2)) / (list.length - 1));
    }

    /* Sorts in place and returns the list: as people order it (2 before 10), by what *key* returns of
     * each item, or by a function that compares two items. */
    function sort(list, key = null) {
        const { compare } = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
        const of = key || ((item) => item);
        const compares = typeof key === "function" && key.length >= 2;
        return list.sort(compares ? key : (one, other) => compare(String(of(one)), String(of(other))));
    }

    /* crypto.randomUUID exists only where a page came by HTTPS. */
    function uuid() {
        const bytes = crypto.getRandomValues(new Uint8Array(16));
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
        return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    }

    /* A parameter of the page's address, or null. */
    const getParam = (name) => new URLSearchParams(location.search).get(name);

    /* JSON of a JavaScript expression, with its comments and trailing commas. It runs the text as
     * code: never pass what participants write. */
    const looseJSONtoJSON = (text) => JSON.stringify(new Function(`return (${text}\n);`)());

    /* The digits of an amount's absolute value, times 10 ** places, rounded half up as on paper:
     * 1.005 is 1.01, for these are the digits that people see. */
    function roundedDigits(number, places) {
        const [digits, exponent = "0"] = String(Math.abs(number)).split("e");
        const [whole, fraction = ""] = digits.split(".");
        const shift = Number(exponent) + places - fraction.length, unit = 10n ** BigInt(Math.max(0, -shift));
        const scaled = BigInt(whole + fraction) * 10n ** BigInt(Math.max(0, shift));
        return ((2n * scaled + unit) / (2n * unit)).toString().padStart(places + 1, "0");
    }

    /* What is no finite number: in apps of the framework as it is, but never as HTML. */
    function unnumbered(value, number, pre, post) {
        const sign = !inApp && number < 0 ? "−" : "";
        return sign + pre + (inApp ? uproot.escape(String(value)) : Math.abs(number)) + post;
    }

    /* Format an amount: fmtnum(-1234.5, {pre: "$", sep: ","}) gives −$1,234.50. In apps of the
     * framework, thousands stand apart and blanks do not break, unless the app says otherwise. */
    function fmtnum(value, { pre = "", post = "", places = 2, sep = inApp ? "," : "", decsep = ".", use_nbsp = inApp } = {}) {
        if (!Number.isInteger(places) || places < 0 || places > 100)
            throw new RangeError(`fmtnum: places must be a whole number from 0 to 100, and is ${places}.`);
        const number = Number(value);
        const unbroken = (text) => (use_nbsp ? text.replaceAll(" ", "\u00a0") : text);
        if (!Number.isFinite(number)) return unbroken(unnumbered(value, number, pre, post));
        const digits = roundedDigits(number, places);
        const whole = digits.slice(0, digits.length - places).replace(/\B(?=(\d{3})+$)/g, sep);
        const sign = number < 0 && /[1-9]/.test(digits) ? "−" : "";
        return unbroken(sign + pre + whole + (places ? decsep + digits.slice(-places) : "") + post);
    }

    /* A value as sliders show it: by the page's own `<field>Formatter`, or with a real minus sign. */
    const defaultFormatter = (value) => (value < 0 ? `−${-value}` : String(value));
    function formatForInterface(field, value) {
        const formatter = window[`${field}Formatter`];
        return (typeof formatter === "function" ? formatter : defaultFormatter)(value);
    }

    Object.assign(uproot, { defaultFormatter, fmtnum, formatForInterface, sum, mean, sd, sort, uuid, getParam, looseJSONtoJSON });
})();
