/* pagination: shows a long list in parts, with numbers to go from part to part.
 *
 *     <div class="uproot-pagination" data-items-per-page="5">
 *         <div class="uproot-pagination-item">…</div>
 *     </div>
 *
 * Every item stays in the form, also those that are hidden.
 */
(() => {
    "use strict";

    const { build } = uproot.inner;
    const words = document.currentScript.dataset;
    const USUAL = 8;                // items in a part

    class Parts {
        constructor(list) {
            this.items = Array.from(list.children).filter((child) => child.matches(".uproot-pagination-item"));
            this.size = Number.parseInt(list.dataset.itemsPerPage, 10) || USUAL;
            this.count = Math.ceil(this.items.length / this.size);
            this.current = 0;
            if (this.count < 2) return;
            this.bar = build("ul", { class: "pagination pagination-sm flex-wrap mb-3" });
            list.prepend(build("nav", {}, this.bar));
            list.addEventListener("invalid", (event) => this.show(this.partOf(event.target)), true);
            this.show(0);
        }

        show(part) {
            this.current = part;
            this.items.forEach((item, number) => { item.hidden = Math.floor(number / this.size) !== part; });
            const numbers = Array.from({ length: this.count }, (nothing, number) => number);
            this.bar.replaceChildren(
                this.step("«", words.back, part - 1),
                ...numbers.map((number) => this.number(number)),
                this.step("»", words.next, part + 1),
            );
        }

        number(part) {
            const label = this.items[part * this.size].dataset.paginationLabel || String(part + 1);
            const button = this.button(label, part);
            if (part === this.current) button.setAttribute("aria-current", "page");
            return build("li", { class: part === this.current ? "page-item active" : "page-item" }, button);
        }

        step(sign, label, part) {
            const isThere = part >= 0 && part < this.count;
            const button = this.button(sign, part);
            button.disabled = !isThere;
            button.setAttribute("aria-label", label);
            return build("li", { class: isThere ? "page-item" : "page-item disabled" }, button);
        }

        button(label, part) {
            const button = build("button", { type: "button", class: "page-link" }, label);
            button.addEventListener("click", () => this.show(part));
            return button;
        }

        /* The part with an element, so that the browser can show what is wrong there. */
        partOf(element) {
            return Math.floor(this.items.findIndex((item) => item.contains(element)) / this.size);
        }
    }

    uproot.onStart(() => document.querySelectorAll(".uproot-pagination").forEach((list) => new Parts(list)));
})();
