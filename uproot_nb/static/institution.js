/* institution: a period of an InstitutionPage. All content is shown as text. */
(() => {
    "use strict";

    const place = document.getElementById("uproot-game");
    if (!place) return;
    const { build } = uproot.inner;
    const { words, fill, said } = uproot.inner.tradingTexts("uproot-game", (value) => shown(value));
    const ON_ITS_WAY = words["Your last order is still on its way. Please wait a moment."];
    const language = document.documentElement.lang || "en";
    const sign = uproot.inner.boot.decimal || ".";
    const TICK = 100;       // milliseconds between two looks at the clock

    const WAIT = 250;       // milliseconds without typing after which costs are asked for

    const SPEAK_EVERY = 5000;   // milliseconds between two prices for a screen reader

    /* A value as a text: an amount in the page's language, or a word that is translated. */
    function shown(value) {
        if (Array.isArray(value)) return value.map(shown).join(sign === "," ? "; " : ", ") || "–";
        if (value === null) return "–";
        const text = String(value);
        if (text.startsWith("P = ")) return text.replaceAll(".", sign);     // a demand
        return words[text] || uproot.inner.amount(value);
    }

    const MONEY = new Set(["Cash", "Cost per unit", "Price", "Profit", "Reserve price", "Value of the item", "You pay", "You receive",
        "Your bid", "Your estimate", "Your price", "Your units are worth", "Your units cost", "Your value"]);
    const QUANTITIES = new Set(["Total quantity", "Your quantity"]);
    const tick = decimalsOf(place.dataset.tick ?? ""), countsQuantities = place.dataset.kind === "cournot";     // whose money has no tick
    let decimals = countsQuantities ? 0 : tick;

    function decimalsOf(value) {
        return /^-?\d+\.(\d+)$/.exec(String(value))?.[1].length ?? 0;
    }

    /* An amount with so many decimals at least: "4.5" and 5 beside each other are 4.50 and 5.00. */
    function padded(value, count) {
        if (Array.isArray(value)) return value.map((each) => padded(each, count));
        const text = String(value);
        if (!count || !/^-?\d+(\.\d+)?$/.test(text)) return value;
        const [whole, part = ""] = text.split(".");
        return `${whole}.${part.padEnd(count, "0")}`;
    }

    function money(value) {
        return shown(padded(value, decimals));
    }

    /* What is told under a word. */
    function told(word, value) {
        if (MONEY.has(word)) return money(value);
        return countsQuantities && QUANTITIES.has(word) ? shown(padded(value, tick)) : shown(value);
    }

    /* All amounts of money that a page shows. */
    function moneyIn({ facts, actions, clock, report }) {
        const told = facts.filter(([word]) => MONEY.has(word)).map(([, value]) => value);
        const offered = actions.flatMap(({ targets }) => targets.map(([, , price]) => price));
        const decided = report ? report.decisions.flatMap(([move]) => amountsOf(move).money) : [];
        return [...told, ...offered, ...(clock ? clock.prices : []), ...decided].flat();
    }

    /* Of a decision the quantity, if it has one, and the amounts of money. */
    function amountsOf([action, , amounts]) {
        const hasQuantity = action === "quantity" || (["buy", "sell"].includes(action) && amounts.length > 1);
        return hasQuantity ? { quantity: amounts[0], money: amounts.slice(1) } : { money: amounts };
    }

    function listed(facts) {
        return facts.map(([word, value]) => `${words[word] || word}: ${told(word, value)}`).join("; ");
    }

    /* Sentences, which have no word before them, are said by the status. */
    function isNew([word, value], known) {
        return word && !known.some((fact) => JSON.stringify(fact) === JSON.stringify([word, value]));
    }

    class Game {
        constructor() {
            this.title = build("h2", { tabindex: "-1" });
            this.unpaid = build("p", { class: "uproot-game-unpaid", hidden: true }, words["This is practice: what you earn here is not paid."]);
            this.facts = build("dl", { class: "uproot-game-facts" });
            this.clock = build("p", { class: "uproot-game-clock", role: "timer", "aria-label": words.Price, hidden: true });
            this.left = build("p", { class: "uproot-game-left", role: "timer", "aria-label": words["Time remaining"], hidden: true });
            this.status = build("p", { role: "status" });
            this.spoken = build("p", { id: "uproot-game-spoken", class: "visually-hidden", "aria-live": "polite" });
            this.spokenAt = -SPEAK_EVERY;
            this.actions = build("div", {});
            this.problem = build("p", { id: "uproot-game-problem", class: "uproot-game-problem", role: "alert" });
            this.report = build("div", {});
            this.next = build("button", { type: "button", form: "", class: "btn btn-primary", hidden: true, onclick: () => uproot.submit() }, words.Next);
            this.section = build("section", { class: "uproot-game", tabindex: "-1" },
                this.title, this.unpaid, this.left, this.facts, this.clock, this.spoken, this.actions, this.problem, this.status, this.report, this.next);
            this.busy = false;
            this.drawn = "";
            this.waits = {};
            this.looked = performance.now();
            setInterval(() => this.run(), TICK);
        }

        /* ---- messages from the server ---- */

        take(data) {
            if (this.data && (data.decisions < this.data.decisions || (data.open && !this.data.open))) return;
            const before = this.data;
            this.data = data;
            decimals = Math.max(countsQuantities ? 0 : tick, ...moneyIn(data).map(decimalsOf));
            this.received = performance.now();
            this.asked = false;
            this.show();
            if (before && !(data.open && data.clock)) this.say(listed(data.facts.filter((fact) => isNew(fact, before.facts))));
        }

        async decide(action, amounts, target) {
            if (this.busy) {
                this.problem.textContent = ON_ITS_WAY;
                return;
            }
            this.busy = true;
            this.problem.textContent = "";
            this.section.setAttribute("aria-busy", "true");
            try {
                this.take(await uproot.invoke("send_decision", action, amounts, target, Date.now() / 1000, language));
            } catch (error) {
                this.problem.textContent = said(error.message);
                seed();     // the refusal may be due to what others have done
            } finally {
                this.busy = false;
                this.section.removeAttribute("aria-busy");
            }
        }

        /* ---- the clocks ---- */

        run() {
            const now = performance.now();
            if (uproot.inner.condition.state !== "running") this.received += now - Math.max(this.looked, this.received);     // the clocks stand still
            this.looked = now;
            if (!this.data) return;
            const since = (now - this.received) / 1000;
            this.runLeft(since);
            if (this.data.clock) this.runClock(this.data.clock, since);
            else this.speak(this.quotes());
        }

        /* The time to decide. The page's own time includes that for the outcome, so it is shown only then. */
        runLeft(since) {
            const { left } = this.data, isLimited = typeof left === "number";
            const box = document.getElementById("uproot-timeout");
            this.left.hidden = !isLimited;
            if (box) box.hidden = isLimited;
            if (!isLimited) return;
            const rest = Math.ceil(Math.max(0, left - since));
            uproot.inner.announceTime(1000 * (this.rest ?? rest), 1000 * rest);
            this.rest = rest;
            const text = `${words["Time remaining"]}: ${Math.floor(rest / 60)}:${String(rest % 60).padStart(2, "0")}`;
            if (this.left.textContent !== text) this.left.textContent = text;
            if (rest === 0) this.ask();
        }

        /* The server decides what is over. */
        ask() {
            if (this.asked) return;
            this.asked = true;
            seed();
        }

        /* The price shown is an estimate; the server's clock decides. */
        runClock(clock, since) {
            const seen = this.data.now - this.data.started, elapsed = seen + since;
            const steps = Math.min(Math.max(0, Math.floor(elapsed / clock.every)), clock.prices.length - 1);
            const price = money(clock.prices[steps]);
            if (this.price.textContent !== price) this.price.textContent = price;
            const isOver = elapsed >= clock.length, hasBegun = elapsed >= 0 && seen < 0;
            if (isOver || hasBegun) this.ask();
            const there = this.data.facts.filter(([word]) => word === "Still in the auction");
            if (elapsed >= 0 && !isOver) this.speak(listed([["Price", price], ...there]));
        }

        /* Prices that others may change at any time; "" where there are none. */
        quotes() {
            const quoted = this.data.actions.find((action) => action.quoted);
            return quoted ? quoted.targets.map(([, name, price]) => `${words[name] || name}: ${money(price)}`).join("; ") : "";
        }

        /* Say prices that have changed, but not each of them. */
        speak(prices) {
            if (prices === this.quoted || performance.now() - this.spokenAt < SPEAK_EVERY) return;
            this.quoted = prices;
            this.say(prices);
        }

        say(text) {
            if (!text) return;
            this.spokenAt = performance.now();
            this.spoken.textContent = text;
        }

        /* ---- the display ---- */

        show() {
            const { data } = this;
            const counted = data.periods > 1 ? fill(words["Period {period} of {periods}"], data) : `${words.Period} ${data.period}`;
            this.title.textContent = data.practice ? `${words.Practice} · ${counted}` : counted;
            this.unpaid.hidden = !data.practice;
            this.facts.replaceChildren(...data.facts.filter(([word]) => word).map(([word, value]) =>
                build("div", {}, build("dt", {}, words[word] || word), build("dd", {}, told(word, value)))));
            const sentences = [shown(data.status || ""), ...data.facts.filter(([word]) => !word).map(([, text]) => shown(text))];
            const status = sentences.filter(Boolean).join(" ");
            if (this.status.textContent !== status) this.status.textContent = status;
            this.clock.hidden = !data.clock;
            if (data.clock) {
                this.price = build("span", {});
                this.clock.replaceChildren(build("small", { "aria-hidden": "true" }, words.Price), this.price);
                this.run();
            }
            this.showActions();
            this.showReport();
            const hadFocus = this.section.contains(document.activeElement);
            this.next.hidden = data.open;
            if (!data.open && hadFocus) this.next.focus();
        }

        /* What is being typed and the focus stay, unless what can be done has changed. */
        showActions() {
            const { actions } = this.data, drawn = JSON.stringify([actions, decimals]);
            if (drawn === this.drawn) {
                actions.forEach((action) => this.askCosts(action));
                return;
            }
            this.drawn = drawn;
            const active = document.activeElement, key = active && active.dataset.key;
            const hadFocus = this.actions.contains(active);
            const typed = new Map([...this.actions.querySelectorAll("input")].map((input) => [input.id, input.value]));
            this.actions.replaceChildren(...actions.flatMap((action) => this.parts(action)));
            this.actions.querySelectorAll("input").forEach((input) => { input.value = typed.get(input.id) || ""; });
            actions.forEach((action) => this.askCosts(action));
            if (!hadFocus) return;
            const again = [...this.actions.querySelectorAll("[data-key]")].find((element) => element.dataset.key === key);
            (again || this.title).focus();
        }

        /* Show what the amount typed would cost of each choice, before it is sent. */
        askCosts(action) {
            if (!action.quoted) return;
            clearTimeout(this.waits[action.name]);
            const input = document.getElementById(`uproot-game-${action.name}-input-0`);
            const cells = action.targets.map((_, at) => document.getElementById(`uproot-game-${action.name}-${at}-cost`));
            const amount = input ? input.value.trim() : "";
            const show = (costs) => cells.forEach((cell, at) => {
                const cost = costs[action.targets[at][0]];
                const text = cost === undefined ? "" : `${words[Number(cost) < 0 ? "You receive" : "You pay"]}: ${money(String(cost).replace("-", ""))}`;
                if (cell && cell.textContent !== text) cell.textContent = text;
            });
            if (!amount) {
                show({});
                return;
            }
            this.waits[action.name] = setTimeout(async () => {
                try {
                    const { costs } = await uproot.invoke("ask_costs", action.name, amount, language);
                    if (input.value.trim() === amount) show(costs);
                } catch {
                    show({});   // the order itself will say what is wrong
                }
            }, WAIT);
        }

        parts(action) {
            const inputs = action.inputs.map((label, at) => this.input(action, label, at));
            const send = (target) => {
                const empty = inputs.find(({ input }) => !input.value.trim());
                if (empty) empty.input.focus();     // the refusal that comes is about this one
                return this.decide(action.name, inputs.map(({ input }) => input.value.trim()), target);
            };
            const choice = (target, name, described) => build("button", {
                type: "button", form: "", class: `btn ${action.inputs.length || action.targets.length ? "btn-primary" : "btn-outline-primary"}`,
                "data-key": `${action.name}/${target}`, "aria-describedby": described, onclick: () => send(target),
            }, name);
            const entry = build("div", { class: "uproot-game-action", role: "group", "aria-label": words[action.word] || action.word },
                ...inputs.map(({ part }) => part));
            inputs.forEach(({ input }) => input.addEventListener("keydown", (event) => {
                if (!uproot.inner.isEnter(event)) return;
                event.preventDefault();     // the page stays
                if (!action.targets.length) send("");
            }));
            if (action.quoted) inputs[0].input.addEventListener("input", () => this.askCosts(action));
            const word = words[action.word] || action.word;
            if (!action.targets.length) {
                entry.append(choice("", word, null));
                return [entry];
            }
            const rows = action.targets.map(([target, text, price], at) => {
                const id = `uproot-game-${action.name}-${at}`;
                const name = [words[action.targetWord] || action.targetWord, shown(text)].filter(Boolean).join(" ");
                const cost = build("span", { id: `${id}-cost`, class: "uproot-game-cost" });
                return build("li", {}, build("span", {}, build("span", { id }, `${name}: ${money(price)}`), " ", cost), choice(target, word, action.quoted ? `${id} ${id}-cost` : id));
            });
            const list = build("ul", { class: "uproot-game-rows", "aria-label": word }, ...rows);
            return [...(inputs.length ? [entry] : []), list];
        }

        input(action, label, at) {
            const id = `uproot-game-${action.name}-input-${at}`;
            const input = build("input", { class: "form-control", inputmode: "decimal", autocomplete: "off", form: "", id, "data-key": id, "aria-describedby": "uproot-game-problem" });
            const word = action.targets.length ? `${words[action.word] || action.word}: ${words[label] || label}` : words[label] || label;
            const name = action.inputs.filter((other) => other === label).length > 1 ? `${word} ${at + 1}` : word;
            return { input, part: build("div", {}, build("label", { for: id }, name), input) };
        }

        /* A decision in a line: "60", "Sell: 60", "Buy Seller 1: 60", or "Buy rain: 20 (1100)" with what all of them cost. */
        line(move) {
            const [action, target] = move, { quantity, money: sums } = amountsOf(move);
            const counted = quantity === undefined ? [] : [shown(padded(quantity, countsQuantities ? tick : 0))];
            const verb = { offer: words.Sell, buy: words.Buy, sell: words.Sell }[action];
            if (!verb) return shown([...counted, ...sums.map(money)]);
            const whose = "seller" in this.data.players ? words.Seller : "";
            const name = target ? [verb, whose, shown(target)].filter(Boolean).join(" ") : verb;
            const paid = sums.map((sum) => money(String(sum).replace("-", "")));
            return `${name}: ${counted.length ? `${counted[0]} (${paid[0]})` : paid[0]}`;
        }

        showReport() {
            const { report } = this.data;
            const made = report ? report.decisions.filter(([[, , amounts]]) => amounts.length) : [];
            if (!made.length) {
                this.report.replaceChildren();
                return;
            }
            const rows = made.map(([move, own]) => build("li", { class: own ? "uproot-game-own" : null },
                build("span", {}, this.line(move)),
                own ? build("span", {}, words.Yours) : ""));
            this.report.replaceChildren(build("h3", {}, words["All decisions"]), build("ul", { class: "uproot-game-rows" }, ...rows));
        }
    }

    const game = new Game();
    let seeding = null;

    /* Load everything, at the start and after a gap; simultaneous requests share one answer. */
    function seed() {
        seeding ??= uproot.invoke("seed_institution").then((data) => {
            game.take(data);
            if (!game.section.isConnected) place.append(game.section);
            place.removeAttribute("aria-busy");
        }).finally(() => { seeding = null; });
        return seeding;
    }

    uproot.onCustomEvent("UprootInstitution", ({ detail: { data } }) => {
        if (!game.data || (data.game === game.data.game && data.period === game.data.period)) game.take(data);
    });
    uproot.onStart(seed);
    uproot.onReconnect(seed);
})();
