/* trading_texts: the texts of a market's or an institution's page, and the amounts in them. */
(() => {
    "use strict";

    const sign = uproot.inner.boot.decimal || ".";

    /* An amount in the page's language: "2.50" is shown as 2,50 on a German page. */
    function amount(value) {
        const text = String(value);
        return /^-?\d+\.\d+$/.test(text) ? text.replace(".", sign) : text;
    }

    /* A pattern that finds the values of a text such as "above {price}" in a sentence. */
    function pattern(text) {
        const parts = text.split(/\{(\w+)\}/).map((part, at) => (at % 2 ? `(?<${part}>.+?)` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
        return new RegExp(`^${parts.join("")}$`);
    }

    /* The words and reasons of refusals that the template has below an id, and what makes sentences of them;
     * *shown* makes a text of a value. */
    function tradingTexts(id, shown = amount) {
        const read = (name) => JSON.parse(document.getElementById(`${id}-${name}`).textContent);
        const words = read("words"), reasons = read("refusals");
        const refusals = Object.entries(reasons)
            .filter(([text, own]) => text !== own).map(([text, own]) => [pattern(text), own]);

        /* A text with its values: fill("You bought at {price}.", { price: 60 }). */
        function fill(text, values) {
            return text.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]));
        }

        /* The reason of a refusal, in the page's language. */
        function said(message) {
            for (const [sentence, own] of refusals) {
                const found = sentence.exec(message);
                if (found) return fill(own, found.groups);
            }
            return message;
        }

        return { words, reasons, fill, said };
    }

    Object.assign(uproot.inner, { amount, tradingTexts });
})();
