/* market: the order books of a MarketPage. All content is shown as text. */
(() => {
    "use strict";

    const LEVELS = 12, TRADES = 30, KEPT = 500, SVG = "http://www.w3.org/2000/svg";
    const place = document.getElementById("uproot-markets");
    if (!place) return;
    const words = JSON.parse(document.getElementById("uproot-market-words").textContent);
    const refusals = Object.entries(JSON.parse(document.getElementById("uproot-market-refusals").textContent))
        .filter(([text, own]) => text !== own).map(([text, own]) => [pattern(text), own]);
    const ON_ITS_WAY = words["Your last order is still on its way. Please wait a moment."];
    const markets = new Map();
    const language = document.documentElement.lang || "en";
    const sign = uproot.inner.boot.decimal || ".";
    const typed = language === "en" ? [] : [{ language }];     // the language in which prices are typed
    let seeding = null;

    /* An amount in the page's language: "2.50" is shown as 2,50 on a German page. */
    function shown(amount) {
        const text = String(amount);
        return /^-?\d+\.\d+$/.test(text) ? text.replace(".", sign) : text;
    }

    function build(tag, attributes, ...children) {
        const element = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes)) {
            if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
            else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
        }
        element.append(...children);    // strings become text, never markup
        return element;
    }

    /* A pattern that finds the values of a text such as "above {price}" in a sentence. */
    function pattern(text) {
        const parts = text.split(/\{(\w+)\}/).map((part, at) => (at % 2 ? `(?<${part}>.+?)` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
        return new RegExp(`^${parts.join("")}$`);
    }

    /* The reason why an order is refused, in the page's language. */
    function said(message) {
        for (const [sentence, own] of refusals) {
            const found = sentence.exec(message);
            if (found) return own.replace(/\{(\w+)\}/g, (_, name) => shown(found.groups[name]));
        }
        return message;
    }

    /* Prices are whole numbers, or decimal texts: they are compared as numbers and shown as received. */
    const byPrice = (a, b) => Number(a[0]) - Number(b[0]);

    class Market {
        constructor(snapshot) {
            this.name = snapshot.market;
            this.changing = null;
            this.asked = [];    // commands that are being sent, or wait for their turn
            this.turn = Promise.resolve();
            this.build(snapshot);
            this.seed(snapshot);
        }

        /* ---- messages from the server ---- */

        seed(snapshot) {
            this.snapshot = snapshot;
            this.seq = snapshot.depth.seq;
            this.levels = { buy: new Map(), sell: new Map() };
            for (const [side, rows] of [["buy", snapshot.depth.bids], ["sell", snapshot.depth.asks]]) {
                rows.forEach(([price, quantity, orders]) => this.levels[side].set(String(price), [price, quantity, orders]));
            }
            this.trades = snapshot.trades;
            this.mine = snapshot.mine;
            this.since = performance.now();
            this.show();
        }

        /* Apply the changes of a command; false if an earlier one is missing. */
        take(news) {
            if (news.seq <= this.seq) return true;
            if (news.before !== this.seq) return false;
            for (const [side, price, quantity, orders] of news.changes) {
                if (quantity) this.levels[side].set(String(price), [price, quantity, orders]);
                else this.levels[side].delete(String(price));
            }
            this.seq = news.seq;
            this.trades.push(...news.trades);
            if (this.trades.length > 2 * KEPT) this.trades = this.trades.slice(-KEPT);
            this.show();
            return true;
        }

        close() {
            this.snapshot.open = false;
            this.show();
        }

        /* Trade is halted, or goes on. */
        halt(halted) {
            this.snapshot.halted = halted;
            this.show();
        }

        takeMine(mine, call) {
            this.mine = mine;
            this.since = performance.now();
            if (call) Object.assign(this.snapshot, { call, open: call.open });
            this.show();
        }

        /* ---- the trader's commands ---- */

        /* One command at a time: others wait for their turn, and a repeated click is ignored. */
        async act(method, args, more = []) {
            const asked = JSON.stringify([method, args]);
            if (this.asked.includes(asked)) {
                this.problem.textContent = ON_ITS_WAY;
                return false;
            }
            if (!this.asked.length) this.problem.textContent = "";
            this.asked.push(asked);
            const turn = this.turn.then(() => this.ask(method, args, more));
            this.turn = turn.then(() => { this.asked.shift(); });
            return turn;
        }

        async ask(method, args, more) {
            this.section.setAttribute("aria-busy", "true");
            try {
                const reply = await uproot.invoke(method, this.name, ...args, Date.now() / 1000, ...more);
                this.takeMine(reply.mine, reply.call);
                if (this.problem.textContent === ON_ITS_WAY) this.problem.textContent = "";
                return true;
            } catch (error) {
                this.problem.textContent = said(error.message);
                return false;
            } finally {
                this.section.removeAttribute("aria-busy");
            }
        }

        async send(side) {
            const price = this.price.value.trim(), quantity = this.quantity.value.trim() || "1";
            if (!price && !this.best.checked) {
                this.problem.textContent = words["Please enter a price."];
                this.price.focus();
                return;
            }
            const done = this.changing
                ? await this.act("replace_order", [this.changing, price, quantity], typed)
                : await this.act("send_order", [side, this.best.checked ? null : price, quantity], this.withTerms());
            if (!done) return;
            this.change(null);
            // Text typed meanwhile belongs to the next order.
            if (this.price.value.trim() === price) this.price.value = "";
            if (this.quantity.value.trim() === quantity) this.quantity.value = "1";
            this.best.checked = false;
            this.setKind();
        }

        /* The arguments by name of a new order. */
        withTerms() {
            if (this.best.checked) return typed;
            const terms = this.terms.value, stands = terms ? {} : this.standing;
            const more = Object.entries(stands).map(([name, input]) => [name, input.value.trim()]).filter(([, value]) => value);
            if (!terms && !more.length) return typed;
            return [{ ...typed[0], ...(terms && { terms }), ...Object.fromEntries(more) }];
        }

        /* An order at the best price, or one that does not stand, has no further terms. */
        setKind() {
            this.price.disabled = this.terms.disabled = this.best.checked;
            for (const input of Object.values(this.standing)) input.disabled = this.best.checked || Boolean(this.terms.value);
        }

        /* Begin to change an order: the next one replaces it. */
        change(order) {
            this.changing = order && order[0];
            this.stop.hidden = !order;
            this.onTerms.hidden = Boolean(order || !this.kinds.length);
            for (const input of Object.values(this.standing)) input.parentElement.hidden = Boolean(order);
            this.atBest.hidden = Boolean(order || this.snapshot.call);
            if (order) {
                this.best.checked = false;
                this.setKind();
                this.price.value = shown(order[2]);
                this.quantity.value = order[3];
                this.price.focus();
            }
            this.showButtons(order && order[1]);
        }

        /* ---- the display ---- */

        build(snapshot) {
            const id = `uproot-market-${markets.size}`;
            const name = snapshot.title === "market" ? words.Market : snapshot.title;
            const title = snapshot.period > 1 || markets.size || snapshot.title !== "market" ? `${name} · ${words.Period} ${snapshot.period}` : name;
            const input = (name, more) => build("input", { class: "form-control", inputmode: "decimal", autocomplete: "off", form: "", id: `${id}-${name}`, "aria-describedby": `${id}-problem`, ...more });
            this.price = input("price", {});
            this.quantity = input("quantity", { inputmode: "numeric", class: "form-control uproot-market-units", value: "1" });
            this.buttons = Object.fromEntries(["buy", "sell"].map((side) => [side, build("button", {
                type: "button", form: "", class: `btn ${side === "buy" ? "btn-primary" : "btn-outline-primary"}`, onclick: () => this.send(side),
            }, side === "buy" ? words.Buy : words.Sell)]));
            this.stop = build("button", { type: "button", form: "", class: "btn btn-outline-secondary", hidden: true, onclick: () => this.change(null) }, words["Stop changing"]);
            this.problem = build("p", { id: `${id}-problem`, class: "uproot-market-problem", role: "alert" });
            this.best = build("input", { type: "checkbox", class: "form-check-input", form: "", id: `${id}-best`, onchange: () => this.setKind() });
            this.atBest = build("div", { class: "form-check", hidden: Boolean(snapshot.call) }, this.best, build("label", { class: "form-check-label", for: `${id}-best` }, words["At the best price"]));
            const kinds = { "": "the rest stays in the market", ioc: "the rest is withdrawn", fok: "nothing is traded" };
            this.kinds = snapshot.terms.filter((kind) => kinds[kind]);
            this.terms = build("select", { class: "form-select", form: "", id: `${id}-terms`, onchange: () => this.setKind() }, ...["", ...this.kinds].map((kind) => build("option", { value: kind }, words[kinds[kind]])));
            this.onTerms = build("div", { hidden: !this.kinds.length }, build("label", { for: `${id}-terms` }, words["If not all is traded at once"]), this.terms);
            this.standing = {};
            const standing = [["gft", "good_for", "Stays for (seconds)"], ["iceberg", "shown", "Units shown at a time"]].filter(([kind]) => snapshot.terms.includes(kind)).map(([, name, word]) => {
                this.standing[name] = input(name, { inputmode: "numeric", class: "form-control uproot-market-units" });
                return build("div", {}, build("label", { for: `${id}-${name}` }, words[word]), this.standing[name]);
            });
            const units = build("div", { hidden: snapshot.max_quantity === 1 }, build("label", { for: `${id}-quantity` }, words.Quantity), this.quantity);
            this.entry = build("div", { class: "uproot-market-order", role: "group", "aria-label": words["New order"] },
                build("div", {}, build("label", { for: `${id}-price` }, words.Price), this.price), units,
                this.onTerms, ...standing, this.buttons.buy, this.buttons.sell, this.stop, this.atBest);
            const enter = (event) => {
                if (!uproot.inner.isEnter(event)) return;
                event.preventDefault();     // the page stays; with two buttons, Enter is ambiguous
                const side = this.changing ? this.sideOf(this.changing) : this.snapshot.sides.length === 1 && this.snapshot.sides[0];
                if (side) this.send(side);
            };
            this.price.addEventListener("keydown", enter);
            this.quantity.addEventListener("keydown", enter);
            this.holdings = build("dl", { class: "uproot-market-mine" });
            this.orders = build("ul", { class: "uproot-market-book" });
            this.sides = { buy: build("ul", { class: "uproot-market-book" }), sell: build("ul", { class: "uproot-market-book" }) };
            this.deals = build("ol", { class: "uproot-market-book", tabindex: "0", "aria-label": words.Trades });
            const deals = build("div", { role: "log", "aria-live": "polite", "aria-label": words.Trades }, this.deals);
            this.chart = document.createElementNS(SVG, "svg");
            this.chart.setAttribute("class", "uproot-market-chart");
            this.chart.setAttribute("role", "img");
            this.buildCall();
            const part = (name, ...inner) => build("div", {}, build("h3", {}, name), ...inner);
            const book = build("div", { class: "uproot-market-grid", role: "group", "aria-label": words["Order book"] },
                part(words.Bids, this.sides.buy), part(words.Asks, this.sides.sell));
            this.halted = build("p", { role: "status", class: "uproot-market-problem" });
            this.idle = build("p", { hidden: true }, words["You have nothing to trade here."]);
            this.section = build("section", { class: "uproot-market", "data-market": snapshot.market, "aria-label": title, tabindex: "-1" },
                build("h2", { class: title === words.Market ? "visually-hidden" : null }, title), this.holdings, this.halted, this.entry, this.idle, this.problem,
                this.outcome,
                ...(snapshot.call && snapshot.call.sealed ? [] : [book]),
                build("div", { class: snapshot.call ? null : "uproot-market-grid" }, part(words["Your orders"], this.orders), ...(snapshot.call ? [] : [part(words.Trades, deals)])),
                snapshot.call ? this.closing : this.chart);
        }

        /* The parts of a call market: its result, and the buttons "Ready" and "Next". */
        buildCall() {
            this.outcome = build("div", { role: "status" });
            this.ready = build("button", { type: "button", form: "", class: "btn btn-outline-primary", onclick: () => this.act("set_ready", [!this.snapshot.call.ready]) }, words.Ready);
            this.next = build("button", { type: "button", form: "", class: "btn btn-primary", onclick: () => uproot.submit() }, words.Next);
            this.waiting = build("span", { role: "status" });
            this.closing = build("div", { class: "uproot-market-order uproot-market-closing", hidden: true }, this.ready, this.waiting, this.next);
            this.first = !markets.size;     // one "Ready" and one "Next" serve the whole page
        }

        show() {
            this.showHoldings();
            this.showButtons();
            this.showCall();
            this.keepFocus(() => {
                this.showSide("buy");
                this.showSide("sell");
                this.showOrders();
            });
            this.showTrades();
        }

        /* Keep the keyboard focus when the book changes. */
        keepFocus(draw) {
            const key = document.activeElement && document.activeElement.dataset.key;
            draw();
            if (!key || document.activeElement !== document.body) return;
            const again = [...this.section.querySelectorAll("[data-key]")].find((button) => button.dataset.key === key);
            (again || this.section).focus();    // the focused element may be gone: then the market gets the focus
        }

        showButtons(only) {
            const side = only || (this.changing && this.sideOf(this.changing));
            for (const [name, button] of Object.entries(this.buttons)) {
                button.hidden = !this.snapshot.sides.includes(name) || Boolean(side && side !== name);
                button.textContent = side ? words.Change : name === "buy" ? words.Buy : words.Sell;
                button.disabled = !this.snapshot.open || this.snapshot.halted;
            }
            const haltWords = this.snapshot.halted && this.snapshot.open ? said("Trading is halted for the moment. You can still withdraw your orders.") : "";
            if (this.halted.textContent !== haltWords) this.halted.textContent = haltWords;
            if (!this.snapshot.open && !this.snapshot.call) this.problem.textContent = words["The market is closed."];
            this.entry.hidden = !this.snapshot.sides.length || Boolean(this.snapshot.call && !this.snapshot.open);
            this.idle.hidden = Boolean(this.snapshot.sides.length) || !this.snapshot.open;
        }

        showCall() {
            const { call, open, sides } = this.snapshot;
            if (!call) return;
            const hadFocus = document.activeElement === this.ready;
            this.closing.hidden = !this.first || (open && call.ready === null);
            this.ready.hidden = !open;
            this.ready.setAttribute("aria-pressed", String(call.ready));
            this.ready.classList.toggle("active", Boolean(call.ready));
            this.waiting.textContent = open && call.ready ? words["Please wait for the others."] : "";
            this.waiting.hidden = !open;
            this.next.hidden = open;
            if (hadFocus && !open) this.next.focus();
            if (open || this.outcome.childNodes.length) return;
            this.problem.textContent = "";
            this.outcome.append(build("p", {}, words["The market is closed."]), this.list([
                [words["Clearing price"], call.price ?? "–"],
                [words["Units traded"], call.quantity],
                [words["You have bought"], sides.includes("buy") ? this.mine.bought : null],
                [words["You have sold"], sides.includes("sell") ? this.mine.sold : null],
            ]));
        }

        sideOf(number) {
            const order = this.mine.orders.find(([its]) => its === number);
            return order ? order[1] : null;
        }

        showHoldings() {
            const { value, cost, values, costs, profit, purse, units } = this.mine;
            const induced = profit !== null, call = this.snapshot.call;
            const list = (amounts) => amounts.map(shown).join(sign === "," ? "; " : ", ") || "–";
            // In a call market all units trade at once, so show all of them.
            const worth = call ? list(values) : value ?? "–", price = call ? list(costs) : cost ?? "–";
            const rows = [
                [words[call ? "Your units are worth" : "Next unit is worth"], induced && this.snapshot.sides.includes("buy") ? worth : null],
                [words[call ? "Your units cost" : "Next unit costs"], induced && this.snapshot.sides.includes("sell") ? price : null],
                [words["An order stays for (seconds)"], this.snapshot.good_for],
                ...this.charges(),
                [words.Profit, profit],
                [words.Cash, induced ? null : purse],
                [words.Units, induced ? null : units],
                ...Object.entries(this.snapshot.facts).map(([name, amount]) => [words[name] ?? name, amount]),
            ];
            this.holdings.replaceChildren(...this.list(rows).children);
        }

        /* The taxes and fees of the player's sides, and what they have come to. */
        charges() {
            const { charges, sides } = this.snapshot;
            if (!charges) return [];
            const taxes = [["buy", "bought", charges.buyer_tax], ["sell", "sold", charges.seller_tax]].filter(([side]) => sides.includes(side));
            const { maker, taker } = charges.fees;
            const fee = (amount) => (Number(maker) || Number(taker) ? amount : null);
            return [
                ...taxes.map(([, done, tax]) => this.tax(done, tax)),
                [words["Fee per unit if your order waits"], fee(maker)],
                [words["Fee per unit if you trade at once"], fee(taker)],
                [words["Taxes and fees so far"], this.mine.charged],
            ];
        }

        /* "5 + 10 %"; a subsidy is shown without its minus. */
        tax(done, { per_unit: amount, rate }) {
            const percent = Number((100 * Number(rate)).toPrecision(12)), each = Number(amount);
            const subsidy = each < 0 || (!each && percent < 0), turn = subsidy ? -1 : 1;
            const money = each ? shown(String(amount).replace(subsidy ? "-" : "", "")) : "";
            const share = percent ? `${shown(Math.abs(percent))} %` : "";
            const between = money && share ? ` ${turn * percent < 0 ? "-" : "+"} ` : "";
            return [words[`${subsidy ? "Subsidy" : "Tax"} per unit ${done}`], money || share ? money + between + share : null];
        }

        /* Names and amounts, without those that are null. */
        list(rows) {
            return build("dl", { class: "uproot-market-mine" }, ...rows.filter(([, amount]) => amount !== null)
                .map(([name, amount]) => build("div", {}, build("dt", {}, name), build("dd", {}, shown(amount)))));
        }

        showSide(side) {
            const rows = [...this.levels[side].values()].sort((a, b) => (side === "buy" ? byPrice(b, a) : byPrice(a, b))).slice(0, LEVELS);
            const own = new Set(this.mine.orders.filter((order) => order[1] === side).map((order) => String(order[2])));
            const act = side === "buy" ? "sell" : "buy";
            this.fill(this.sides[side], rows.map(([price, quantity]) => {
                const mine = own.has(String(price));
                const line = build("li", { class: mine ? "uproot-market-own" : null }, build("span", {}, this.amount(price, quantity)));
                if (mine) line.append(build("span", {}, words.Yours));
                else if (this.snapshot.sides.includes(act) && this.snapshot.open && !this.snapshot.halted && !this.snapshot.call) {
                    const word = act === "buy" ? words.Buy : words.Sell;
                    line.append(build("button", { type: "button", form: "", class: "btn btn-sm btn-outline-primary", "data-key": `${side} ${price}`, "aria-label": `${word}: ${shown(price)}`, onclick: () => this.act("take_price", [act, price, 1]) }, word));
                }
                return line;
            }));
        }

        amount(price, quantity) {
            return quantity === 1 ? shown(price) : `${shown(price)} × ${quantity}`;
        }

        showOrders() {
            if (this.changing && !this.sideOf(this.changing)) {
                this.change(null);      // it was traded meanwhile: the input must not become a new order
                this.price.value = "";
                this.quantity.value = "1";
                this.problem.textContent = said("This order is no longer in the market.");
            }
            const lines = this.mine.orders.map((order) => {
                const [number, side, price, left, more] = order;
                const text = `${side === "buy" ? words.Buy : words.Sell} ${this.amount(price, left)}`;
                const button = (word, act) => build("button", { type: "button", form: "", class: "btn btn-sm btn-outline-secondary", "data-key": `${word} ${number}`, "aria-label": `${word}: ${text}`, onclick: act }, word);
                const shownText = build("span", {}, text, ...this.standingOf(more));
                if (!this.snapshot.open) return build("li", {}, build("span", {}, text));
                return build("li", {}, shownText, build("span", {},
                    button(words.Change, () => this.change(order)), " ",
                    button(words.Withdraw, () => this.act("cancel_order", [number]))));
            });
            if (this.mine.more) lines.unshift(build("li", {}, `+ ${this.mine.more}`));
            this.fill(this.orders, lines);
        }

        /* How much of an order others see, and how long it stays: counted down each second. */
        standingOf(more) {
            if (!more) return [];
            const parts = more.shown ? [` · ${words["Units shown at a time"]}: ${more.shown}`] : [];
            if (more.ends === undefined) return parts;
            const ends = this.since + 1000 * (more.ends - more.now);    // by this page's own clock
            const left = build("span", { class: "uproot-market-left", "data-ends": ends }, secondsLeft(ends));
            return [...parts, " · ", left];
        }

        showTrades() {
            const rows = this.trades.slice(-TRADES).reverse();
            const seen = new Set([...this.deals.children].map((line) => line.dataset.trade));
            if (!rows.length || rows.some(([number]) => !seen.has(String(number)))) {
                // Insert only new rows, so that only they are read aloud.
                const fresh = rows.filter(([number]) => !seen.has(String(number)));
                if (!seen.size || seen.has(undefined)) this.deals.replaceChildren();
                this.deals.prepend(...fresh.map(([number, , price, quantity]) => build("li", { "data-trade": number }, build("span", {}, `${number}.`), build("span", {}, this.amount(price, quantity)))));
                while (this.deals.children.length > TRADES) this.deals.lastChild.remove();
                if (!rows.length) this.fill(this.deals, []);
            }
            this.draw();
        }

        fill(list, lines) {
            if (!lines.length) lines = [build("li", { class: "uproot-market-nothing" }, words["Nothing yet."])];
            list.replaceChildren(...lines);
        }

        draw() {
            const prices = this.trades.slice(-KEPT).map((trade) => Number(trade[2]));
            const last = this.trades.length ? shown(this.trades[this.trades.length - 1][2]) : "–";
            this.chart.setAttribute("aria-label", `${words["Prices of trades"]}: ${last}`);
            this.chart.toggleAttribute("hidden", !prices.length);
            this.chart.style.display = prices.length ? "" : "none";
            if (!prices.length) return;
            const width = 400, height = 140, left = 44, low = Math.min(...prices), high = Math.max(...prices);
            const span = high - low || 1, step = (width - left - 10) / Math.max(1, prices.length - 1);
            const at = (price, index) => [left + index * step, 12 + (high - price) / span * (height - 28)];
            const shape = (tag, attributes, text) => {
                const made = document.createElementNS(SVG, tag);
                Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
                if (text) made.textContent = text;
                return made;
            };
            this.chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
            const points = prices.map(at);
            const scale = [...new Set([high, low])].flatMap((price) => {
                const [, y] = at(price, 0);
                return [shape("line", { x1: left, x2: width, y1: y, y2: y }), shape("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, shown(price))];
            });
            const dots = points.length > 60 ? [] : points.map(([x, y]) => shape("circle", { cx: x, cy: y, r: 3 }));
            this.chart.replaceChildren(...scale, shape("polyline", { points: points.map((point) => point.join(",")).join(" ") }), ...dots);
        }
    }

    /* "12 s", until a moment of this page's clock. */
    function secondsLeft(ends) {
        return `${Math.max(0, Math.ceil((ends - performance.now()) / 1000))} s`;
    }

    setInterval(() => {
        if (uproot.inner.condition.state !== "running") return;     // the clocks stand still
        place.querySelectorAll(".uproot-market-left").forEach((left) => { left.textContent = secondsLeft(Number(left.dataset.ends)); });
    }, 1000);

    /* ---- all markets of the page ---- */

    /* Load everything, at the start and after a gap; simultaneous requests share one answer. */
    function seed() {
        seeding ??= uproot.invoke("seed_markets").then(({ markets: snapshot }) => {
            snapshot.forEach((one) => {
                if (markets.has(one.market)) markets.get(one.market).seed(one);
                else {
                    const market = new Market(one);
                    markets.set(one.market, market);
                    place.append(market.section);
                }
            });
            place.removeAttribute("aria-busy");
        }).finally(() => { seeding = null; });
        return seeding;
    }

    /* Handle events of this page's markets, and ignore those of another period. */
    function hear(name, take) {
        uproot.onCustomEvent(name, ({ detail: { data } }) => {
            const market = markets.get(data.market);
            if (market && market.snapshot.period === data.period) take(market, data);
        });
    }

    hear("UprootMarket", (market, news) => { if (!market.take(news)) seed(); });
    hear("UprootMarketMine", (market, news) => market.takeMine(news.mine));
    hear("UprootMarketClosed", (market) => market.close());
    hear("UprootMarketHalted", (market, { halted }) => market.halt(halted));
    hear("UprootMarketCleared", (market, snapshot) => market.seed(snapshot));
    uproot.onStart(seed);
    uproot.onReconnect(seed);
    // A pause has postponed the ends of orders.
    uproot.inner.happenings.addEventListener("state", () => {
        if (uproot.inner.condition.state === "running" && place.querySelector(".uproot-market-left")) seed();
    });
})();
