/* figures: sums, means and order of a page's numbers, and small things that scripts need. */
(() => {
    "use strict";

    const sum = (values) => Array.from(values).reduce((total, value) => total + value, 0);
    const mean = (values) => sum(values) / Array.from(values).length;

    /* The standard deviation of a sample, which divides by n - 1. */
    function sd(values) {
        const list = Array.from(values), middle = mean(list);
        return Math.sqrt(sum(list.map((value) => (value - middle) ** 2)) / (list.length - 1));
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

    Object.assign(uproot, { sum, mean, sd, sort, uuid, getParam, looseJSONtoJSON });
})();
