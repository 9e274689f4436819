/* market: the order books of a MarketPage. All content is shown as text. */
(() => {
    "use strict";

    const LEVELS = 12, TRADES = 30, KEPT = 500, SHOWN_UNITS = 12, SVG = "http://www.w3.org/2000/svg";
    const CALM = 1500;          // milliseconds between two sentences about trades
    const MARKS = { buy: "▲", sell: "▼" };
    const place = document.getElementById("uproot-markets");
    if (!place) return;
    const { build, memory, amount: shown } = uproot.inner;
    const { words, reasons, fill, said } = uproot.inner.tradingTexts("uproot-market");
    const REFUSED = new Set(["OrderRefused", "Refused"]);
    const HELD = new Set(["", "no_cash", "no_units"]);      // reasons that follow from the trader's money and units
    const ON_ITS_WAY = words["Your last order is still on its way. Please wait a moment."];
    const markets = new Map();
    const language = document.documentElement.lang || "en";
    const sign = uproot.inner.boot.decimal || ".";
    const typed = language === "en" ? [] : [{ language }];     // the language in which prices are typed
    let seeding = null;

    /* The number in a text that is one beyond doubt; NaN for all others, which the server reads. */
    function surely(text, decimals) {
        const plain = new RegExp(`^-?\\d{1,12}(\\${sign}\\d{1,${Math.max(2, decimals)}})?$`);
        return plain.test(text) ? Number(text.replace(sign, ".")) : NaN;
    }

    /* Sentences about own trades, one for each side: "You bought 2 at 58.", "You sold 3 at 55 to 60." */
    function sentences(fills) {
        return ["buy", "sell"].flatMap((side) => {
            const mine = fills.filter((row) => row[1] === side).sort((a, b) => Number(a[2]) - Number(b[2]));
            if (!mine.length) return [];
            const quantity = mine.reduce((sum, row) => sum + row[3], 0), lowest = mine[0][2], highest = mine.at(-1)[2];
            const [one, several, between] = side === "buy"
                ? ["You bought at {price}.", "You bought {quantity} at {price}.", "You bought {quantity} at {lowest} to {highest}."]
                : ["You sold at {price}.", "You sold {quantity} at {price}.", "You sold {quantity} at {lowest} to {highest}."];
            const text = String(lowest) !== String(highest) ? between : quantity > 1 ? several : one;
            return [{ side, text: fill(words[text], { price: lowest, quantity, lowest, highest }) }];
        });
    }

    /* Prices are whole numbers, or decimal texts: they are compared as numbers and shown as received. */
    const byPrice = (a, b) => Number(a[0]) - Number(b[0]);

    class Market {
        constructor(snapshot) {
            this.name = snapshot.market;
            this.changing = null;
            this.asked = [];    // commands that are being sent, or wait for their turn
            this.turn = Promise.resolve();
            this.own = new Map();       // own trades, by number
            this.unsaid = [];           // own trades that no sentence has said yet
            this.unheard = [];          // trades that a screen reader has not said yet
            this.quiet = null;
            this.key = `uproot-market-said/${location.pathname}/${snapshot.market}/${snapshot.period}`;
            this.build(snapshot);
            this.begin(snapshot);
            this.seed(snapshot);
        }

        /* Own trades that this tab has said, or that are older than it, are not said again. */
        begin(snapshot) {
            const said = memory.read(this.key), last = Math.max(0, ...(snapshot.own || []).map(([number]) => number));
            this.said = said === null || said === false ? last : Number(said);
            memory.store(this.key, this.said);
            this.heard = Math.max(0, ...snapshot.trades.map(([number]) => number));
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
            this.takeOwn(snapshot.own);
            this.hearTrades(snapshot.trades);
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
            this.hearTrades(news.trades);
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

        /* The trader's own data; after an endowment also the sides on which it trades. */
        takeMine({ mine, call, own, sides }) {
            this.mine = mine;
            if (sides) this.snapshot.sides = sides;
            this.since = performance.now();
            this.takeOwn(own);
            if (call) Object.assign(this.snapshot, { call, open: call.open });
            this.show();
        }

        /* Own trades: they are marked among all trades, and the new ones are said. */
        takeOwn(rows) {
            const fresh = (rows || []).filter(([number]) => !this.own.has(number));
            fresh.forEach((row) => this.own.set(row[0], row));
            this.unsaid.push(...fresh.filter(([number]) => number > this.said));
            this.speak();
        }

        hearTrades(rows) {
            this.unheard.push(...rows.filter(([number]) => number > this.heard));
            this.heard = Math.max(this.heard, ...rows.map(([number]) => number));
            this.speak();
        }

        /* ---- what is said ---- */

        /* Say new trades, in one sentence for several that come at once. Whose they are is known once one's orders are answered. */
        speak() {
            if (this.quiet !== null || this.asked.length || !(this.unsaid.length || this.unheard.length)) return;
            this.quiet = setTimeout(() => { this.quiet = null; this.speak(); }, CALM);
            const fills = this.unsaid, others = this.unheard.filter(([number]) => !this.own.has(number));
            this.unsaid = [];
            this.unheard = [];
            if (fills.length) {
                this.said = Math.max(...fills.map(([number]) => number));
                memory.store(this.key, this.said);
                this.saying.replaceChildren(...sentences(fills).map(({ side, text }) => build("span", { class: `uproot-market-${side}` }, this.mark(side), text)));
            }
            // Readers hear of the last trade of others; that of their own is said above.
            if (others.length && !fills.length) this.spoken.replaceChildren(build("span", {}, fill(words["Traded at {price}."], { price: others.at(-1)[2] })));
        }

        /* A triangle for an own trade, which is not told by its colour alone. */
        mark(side) {
            return build("span", { class: `uproot-market-${side}-mark`, "aria-hidden": "true" }, `${MARKS[side]} `);
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
            this.turn = turn.then(() => { this.asked.shift(); this.speak(); });
            return turn;
        }

        async ask(method, args, more) {
            this.section.setAttribute("aria-busy", "true");
            try {
                const reply = await uproot.invoke(method, this.name, ...args, Date.now() / 1000, ...more);
                this.takeMine(reply);
                if (this.problem.textContent === ON_ITS_WAY) this.problem.textContent = "";
                return true;
            } catch (error) {
                const text = said(error.message);
                this.problem.textContent = this.halted.textContent === text ? "" : text;
                if (!REFUSED.has(error.name)) seed().catch(() => {});       // nobody knows what has become of it
                return false;
            } finally {
                this.section.removeAttribute("aria-busy");
            }
        }

        async send(side) {
            const found = await this.surelyRefused(side);
            if (found) {
                this.stopped = found.code === "halted" ? "" : found.text;       // a halt is said above
                this.problem.textContent = this.stopped;
                this.showReasons();
                if (found.code === "no_price") this.price.focus();
                return;
            }
            const fields = [this.price, this.quantity, ...Object.values(this.standing)], sent = fields.map((input) => input.value);
            const price = this.price.value.trim(), quantity = this.quantity.value.trim() || "1";
            this.isReplacing = Boolean(this.changing);
            const done = this.isReplacing
                ? await this.act("replace_order", [this.changing, price, quantity], typed)
                : await this.act("send_order", [side, this.best.checked ? null : price, quantity], this.withTerms());
            this.isReplacing = false;
            if (!done) {
                this.showOrders();
                return;
            }
            this.change(null);
            // Text typed meanwhile belongs to the next order.
            fields.forEach((input, at) => { if (input.value === sent[at]) input.value = input === this.quantity ? "1" : ""; });
            this.best.checked = false;
            this.setKind();
            this.showReasons();
        }

        /* Why what is entered is not sent; for want of money or units only if the server's newest data say so, too. */
        async surelyRefused(side) {
            const found = this.reason(side);
            if (found && this.snapshot.open && HELD.has(found.code)) {
                await seed().catch(() => {});
                return this.reason(side);
            }
            return found;
        }

        /* ---- what would be refused anyway ---- */

        /* Why an order would be refused, as a code and in the page's language; null if nothing is known against it. */
        refusal(order) {
            const { buy, sell } = this.levels, rows = (levels, sign) => [...levels.values()]
                .map(([price, quantity]) => [Number(price), quantity, price]).sort((a, b) => sign * (a[0] - b[0]));
            const found = uproot.inner.marketRefusal({ data: this.snapshot, mine: this.mine, levels: { buy: rows(buy, -1), sell: rows(sell, 1) } }, order);
            if (!found) return null;
            return { code: found.code, text: this.worded(found.code, fill(reasons[found.text] ?? said(found.text), found.values)) };
        }

        /* The page's own text for a refusal, if its author has written one. */
        worded(code, text) {
            return (this.snapshot.texts || {})[code] ?? text;
        }

        /* Why what is entered cannot be an order; null if the server may take it. */
        reason(side) {
            const old = this.changing ? this.mine.orders.find(([number]) => number === this.changing) : null;
            const decimals = String(this.snapshot.tick).split(".")[1]?.length ?? 0, isBest = this.best.checked && !old;
            const typed = this.price.value.trim(), units = this.quantity.value.trim() || "1";
            const quantity = /^\d{1,9}$/.test(units) ? Number(units) : NaN;
            const lasting = this.refusal({ side, old, price: null, quantity: 0, terms: "", isAny: true });
            if (lasting) return lasting;
            if (!isBest && !typed) return { code: "no_price", text: words["Please enter a price."] };
            const price = isBest ? null : surely(typed, decimals);
            if (Number.isNaN(price) || Number.isNaN(quantity)) return null;
            return this.refusal({ side, old, price, quantity, terms: isBest ? "" : this.terms.value });
        }

        /* Buttons that would do nothing say so, and stay where they are for who uses a keyboard. */
        showReasons() {
            const sides = ["buy", "sell"].filter((side) => !this.buttons[side].hidden);
            const reasons = sides.map((side) => this.snapshot.open ? this.reason(side)?.text ?? "" : this.worded("closed", words["The market is closed."]));
            if (this.stopped && !reasons.includes(this.stopped)) this.forgive();
            sides.forEach((side, at) => {
                if (reasons[at]) this.buttons[side].setAttribute("aria-disabled", "true");
                else this.buttons[side].removeAttribute("aria-disabled");
            });
            const named = sides.map((side, at) => reasons[at] && `${words[side === "buy" ? "Buy" : "Sell"]}: ${reasons[at]}`).filter(Boolean);
            const isSaid = this.snapshot.open && this.snapshot.halted;      // above, for as long as it lasts
            const text = isSaid ? "" : new Set(reasons).size === 1 ? reasons[0] : named.join(" ");
            if (this.hint.textContent !== text) this.hint.textContent = text;
            this.hint.hidden = Boolean(this.problem.textContent) || this.entry.hidden;
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
            const name = { market: words.Market, practice: words.Practice }[snapshot.title] ?? snapshot.title;
            const { period, periods, practice } = snapshot;
            const counted = periods > 1 ? fill(words["Period {period} of {periods}"], { period, periods }) : `${words.Period} ${period}`;
            const title = `${name} · ${counted}`;
            const heading = build("h2", {}, title, practice && snapshot.title !== "practice" ? build("span", { class: "uproot-market-practice" }, words.Practice) : "");
            const unpaid = build("p", { class: "uproot-market-unpaid", hidden: !practice || markets.size > 0 }, words["This is practice: what you earn here is not paid."]);
            const input = (name, more) => build("input", { class: "form-control", inputmode: "decimal", autocomplete: "off", form: "", id: `${id}-${name}`, "aria-describedby": `${id}-hint ${id}-problem`, oninput: () => this.entered(), ...more });
            this.price = input("price", {});
            this.quantity = input("quantity", { inputmode: "numeric", class: "form-control uproot-market-units", value: "1" });
            this.buttons = Object.fromEntries(["buy", "sell"].map((side) => [side, build("button", {
                type: "button", form: "", class: `btn ${side === "buy" ? "btn-primary" : "btn-outline-primary"}`, "aria-describedby": `${id}-hint`, onclick: () => this.send(side),
            }, side === "buy" ? words.Buy : words.Sell)]));
            this.stop = build("button", { type: "button", form: "", class: "btn btn-outline-secondary", hidden: true, onclick: () => this.change(null) }, words["Stop changing"]);
            this.problem = build("p", { id: `${id}-problem`, class: "uproot-market-problem", role: "alert" });
            this.hint = build("p", { id: `${id}-hint`, class: "uproot-market-hint" });
            this.saying = build("p", { class: "uproot-market-said", role: "status" });
            this.spoken = build("div", { class: "visually-hidden", "aria-live": "polite" });
            this.best = build("input", { type: "checkbox", class: "form-check-input", form: "", id: `${id}-best`, onchange: () => { this.setKind(); this.entered(); } });
            this.atBest = build("div", { class: "form-check", hidden: Boolean(snapshot.call) }, this.best, build("label", { class: "form-check-label", for: `${id}-best` }, words["At the best price"]));
            const kinds = { "": "the rest stays in the market", ioc: "the rest is withdrawn", fok: "nothing is traded" };
            this.kinds = snapshot.terms.filter((kind) => kinds[kind]);
            this.terms = build("select", { class: "form-select", form: "", id: `${id}-terms`, onchange: () => { this.setKind(); this.entered(); } }, ...["", ...this.kinds].map((kind) => build("option", { value: kind }, words[kinds[kind]])));
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
            this.orders = build("ul", { class: "uproot-market-book uproot-market-standing" });
            this.sides = { buy: build("ul", { class: "uproot-market-book" }), sell: build("ul", { class: "uproot-market-book" }) };
            this.deals = build("ol", { class: "uproot-market-book", tabindex: "0", "aria-label": words.Trades });
            const deals = this.deals;
            this.chart = document.createElementNS(SVG, "svg");
            this.chart.setAttribute("class", "uproot-market-chart");
            this.chart.setAttribute("role", "img");
            this.legend = build("p", { class: "uproot-market-legend", hidden: true }, `${words["Your trades"]}: `, ...["buy", "sell"].flatMap((side) => [this.mark(side), `${words[side === "buy" ? "Bought" : "Sold"]} `]));
            this.buildCall();
            const part = (name, ...inner) => build("div", {}, build("h3", {}, name), ...inner);
            const book = build("div", { class: "uproot-market-grid", role: "group", "aria-label": words["Order book"] },
                part(words.Bids, this.sides.buy), part(words.Asks, this.sides.sell));
            this.halted = build("p", { role: "status", class: "uproot-market-problem" });
            this.idle = build("p", { hidden: true }, words["You have nothing to trade here."]);
            this.section = build("section", { class: "uproot-market", "data-market": snapshot.market, "aria-label": title, tabindex: "-1" },
                heading, unpaid, this.holdings, this.halted, this.entry, this.idle, build("div", { class: "uproot-market-notes" }, this.hint, this.problem), this.saying, this.spoken,
                this.outcome,
                ...(snapshot.call && snapshot.call.sealed ? [] : [book]),
                build("div", { class: snapshot.call ? null : "uproot-market-grid" }, part(words["Your orders"], this.orders), ...(snapshot.call ? [] : [part(words.Trades, deals)])),
                ...(snapshot.call ? [this.closing] : [this.chart, this.legend]));
        }

        /* Something else was entered: what stopped the last order is over; the server's refusals stay. */
        entered() {
            this.forgive();
            this.showReasons();
        }

        forgive() {
            if (this.stopped && this.problem.textContent === this.stopped) this.problem.textContent = "";
            this.stopped = "";
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
            }
            const haltWords = this.snapshot.halted && this.snapshot.open ? this.worded("halted", said("Trading is halted for the moment. You can still withdraw your orders.")) : "";
            if (this.halted.textContent !== haltWords) this.halted.textContent = haltWords;
            if (!this.snapshot.open && !this.snapshot.call) this.problem.textContent = this.worded("closed", words["The market is closed."]);
            this.entry.hidden = !this.snapshot.sides.length || Boolean(this.snapshot.call && !this.snapshot.open);
            this.idle.hidden = Boolean(this.snapshot.sides.length) || !this.snapshot.open;
            this.showReasons();
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
            this.outcome.append(build("p", {}, this.worded("closed", words["The market is closed."])), this.list([
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
            const { value, cost, values, costs, profit, purse, units, free } = this.mine;
            const induced = profit !== null, call = this.snapshot.call;
            const list = (amounts) => amounts.slice(0, SHOWN_UNITS).map(shown).join(sign === "," ? "; " : ", ") + (amounts.length > SHOWN_UNITS ? " …" : "") || "–";
            // In a call market all units trade at once, so show all of them.
            const worth = call ? list(values) : value ?? "–", price = call ? list(costs) : cost ?? "–";
            const left = (side, amounts) => (induced && amounts && this.snapshot.sides.includes(side) ? amounts : null);
            const count = (side, amounts) => left(side, amounts)?.length ?? null;
            const further = (side, amounts) => (!call && left(side, amounts)?.length > 1 ? list(amounts.slice(1)) : null);
            const rows = [
                [words[call ? "Your units are worth" : "Next unit is worth"], induced && this.snapshot.sides.includes("buy") ? worth : null],
                [words["Your other units are worth"], further("buy", values)],
                [words["Units left to buy"], count("buy", values)],
                [words[call ? "Your units cost" : "Next unit costs"], induced && this.snapshot.sides.includes("sell") ? price : null],
                [words["Your other units cost"], further("sell", costs)],
                [words["Units left to sell"], count("sell", costs)],
                [words["An order stays for (seconds)"], this.snapshot.good_for],
                ...this.charges(),
                [words.Profit, profit],
                [words.Cash, induced && (free?.cash ?? null) === null ? null : purse, this.free(free?.cash, purse)],
                [words.Units, induced && (free?.units ?? null) === null ? null : units, this.free(free?.units, units)],
                ...Object.entries(this.snapshot.facts).map(([name, amount]) => [words[name] ?? name, amount]),
            ];
            this.holdings.replaceChildren(...this.list(rows).children);
        }

        /* How much of an amount is free, where orders reserve some of it. */
        free(amount, all) {
            return amount === null || amount === undefined || Number(amount) === Number(all) ? "" : fill(words["Free: {amount}"], { amount });
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
                .map(([name, amount, more]) => build("div", {}, build("dt", {}, name), build("dd", {}, shown(amount)), ...(more ? [build("dd", { class: "uproot-market-free" }, more)] : []))));
        }

        showSide(side) {
            const rows = [...this.levels[side].values()].sort((a, b) => (side === "buy" ? byPrice(b, a) : byPrice(a, b))).slice(0, LEVELS);
            const own = new Set(this.mine.orders.filter((order) => order[1] === side).map((order) => String(order[2])));
            const act = side === "buy" ? "sell" : "buy";
            this.fill(this.sides[side], rows.map(([price, quantity]) => {
                const mine = own.has(String(price));
                const line = build("li", { class: mine ? "uproot-market-own" : null }, build("span", {}, this.amount(price, quantity)));
                if (mine) line.append(build("span", {}, words.Yours));
                else if (this.snapshot.sides.includes(act) && !this.snapshot.call && !this.refusal({ side: act, price: Number(price), quantity: 1, old: null, terms: "" })) {
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
            if (this.changing && !this.isReplacing && !this.sideOf(this.changing)) {
                this.change(null);      // it was traded meanwhile: the input must not become a new order
                this.price.value = "";
                this.quantity.value = "1";
                this.problem.textContent = this.worded("no_order", said("This order is no longer in the market."));
                this.showReasons();
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
            const parts = more.shown ? [` · ${fill(words["{quantity} of them shown"], { quantity: more.shown })}`] : [];
            if (more.ends === undefined) return parts;
            const ends = this.since + 1000 * (more.ends - more.now);    // by this page's own clock
            const left = build("span", { class: "uproot-market-left", "data-ends": ends }, secondsLeft(ends));
            return [...parts, " · ", left];
        }

        showTrades() {
            const rows = this.trades.slice(-TRADES).reverse();
            this.fill(this.deals, rows.map(([number, , price, quantity]) => {
                const own = this.own.get(number), side = own && own[1];
                const line = build("li", { "data-trade": number, class: own ? "uproot-market-own" : null },
                    build("span", {}, `${number}.`), build("span", {}, this.amount(price, quantity)));
                if (own) line.append(build("span", { class: "uproot-market-done" }, this.mark(side), words[side === "buy" ? "Bought" : "Sold"]));
                return line;
            }));
            this.draw();
        }

        fill(list, lines) {
            if (!lines.length) lines = [build("li", { class: "uproot-market-nothing" }, words["Nothing yet."])];
            list.replaceChildren(...lines);
        }

        draw() {
            const drawn = this.trades.slice(-KEPT), prices = drawn.map((trade) => Number(trade[2]));
            this.legend.hidden = !drawn.some(([number]) => this.own.has(number));
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
            const dot = ([x, y], own) => {
                if (!own) return points.length > 60 ? [] : [shape("circle", { cx: x, cy: y, r: 3 })];
                const tip = own[1] === "buy" ? -7 : 7;      // bought points up, sold points down
                return [shape("polygon", { class: `uproot-market-${own[1]}-mark`, points: `${x},${y + tip} ${x - 7},${y - tip * 0.7} ${x + 7},${y - tip * 0.7}` })];
            };
            const dots = points.flatMap((point, at) => dot(point, this.own.get(drawn[at][0])));
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
    hear("UprootMarketMine", (market, news) => market.takeMine(news));
    hear("UprootMarketClosed", (market) => market.close());
    hear("UprootMarketHalted", (market, { halted }) => market.halt(halted));
    hear("UprootMarketCleared", (market, snapshot) => market.seed(snapshot));
    uproot.onStart(seed);
    uproot.onReconnect(seed);
    // A pause has postponed the ends of orders; a kernel that was restarted may count anew, and knows no pages yet.
    uproot.inner.happenings.addEventListener("state", () => {
        if (uproot.inner.condition.state === "running") seed();
    });
})();
