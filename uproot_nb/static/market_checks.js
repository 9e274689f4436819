/* market_checks: why an order would be refused, as far as its trader can know.
 *
 * The server decides. Here is found only what it refuses for certain, so that no button offers it: the sentences are the
 * server's, and where anything is unknown there is no reason.
 */
(() => {
    "use strict";

    const NEARLY = 1e-9;        // decimal prices are compared as numbers
    const OTHER = { buy: "sell", sell: "buy" };

    const crosses = (side, price, level) => price === null || (side === "buy" ? level <= price + NEARLY : level >= price - NEARLY);
    const hides = ({ data }) => data.terms.includes("iceberg");     // others may have more units than are seen
    const units = (rows) => rows.reduce((sum, row) => sum + row[1], 0);

    /* Whether a new order takes the place of the trader's last one. */
    const renews = ({ lapse }) => lapse === "shout" || lapse === "own";

    /* The trader's own standing orders of a side, as [price, units]; without those that a new order replaces. */
    function own({ data, mine }, { side, old }, of = side) {
        const rows = mine.orders.filter((row) => row[1] === of && !(old && row[0] === old[0]));
        return renews(data) && of === side ? [] : rows.map((row) => [Number(row[2]), row[3]]);
    }

    /* What a new order takes the place of. */
    function replaced({ data, mine }, { side, old }) {
        if (old) return [old];
        return renews(data) ? mine.orders.filter((row) => row[1] === side) : [];
    }

    /* ---- one check each: a code, the server's sentence, and its values ---- */

    function checkOpen({ data, mine }, { side, old }) {
        if (!data.open) return ["closed", "The market is closed."];
        const why = !old && mine.cannot[side];
        return why ? ["", why] : null;
    }

    /* While trade is halted, an order may only be reduced. */
    function checkHalted({ data }, { old, price, quantity, isAny }) {
        if (!data.halted || (old && (isAny || (Math.abs(price - Number(old[2])) < NEARLY && quantity <= old[3])))) return null;
        return ["halted", "Trading is halted for the moment. You can still withdraw your orders."];
    }

    function checkUnits(market, order) {
        const { mine } = market, { side, quantity } = order;
        if (mine.profit === null) return null;
        const left = (side === "buy" ? mine.values : mine.costs).length - units(own(market, order));
        if (quantity <= left) return null;
        return ["no_units", left > 0 ? "You do not have enough units left for this order." : "You have no more units to trade."];
    }

    function checkPrice({ data }, { price }) {
        if (price === null) return data.call ? ["needs_price", "Please enter a price: all orders trade at a single price."] : null;
        const count = price / Number(data.tick);
        if (price <= 0) return ["not_positive", "A price must be above zero."];
        if (price > Number(data.max_price)) return ["too_high", "A price must not be above {highest}.", { highest: data.max_price }];
        if (price < Number(data.min_price)) return ["too_low", "A price must not be below {lowest}.", { lowest: data.min_price }];
        if (Math.abs(count - Math.round(count)) > 1e-6) return ["off_tick", "A price must be a multiple of {tick}.", { tick: data.tick }];
        return null;
    }

    function checkQuantity({ data }, { quantity }) {
        if (quantity < 1) return ["no_quantity", "A quantity must be a whole number above zero."];
        return quantity > data.max_quantity ? ["too_many", "A quantity must not be above {quantity}.", { quantity: data.max_quantity }] : null;
    }

    /* Whether one's own order would be met before all units are found. */
    function checkSelf(market, order) {
        const { data, levels } = market, { side, price, quantity } = order;
        const mine = own(market, order, OTHER[side]).filter(([at]) => crosses(side, price, at));
        if (data.self_trade !== "refuse" || !mine.length || (hides(market) && !data.call)) return null;
        const prices = mine.map(([at]) => at), first = side === "buy" ? Math.min(...prices) : Math.max(...prices);
        const ahead = levels[OTHER[side]].filter(([at]) => crosses(side, first, at));
        const others = units(ahead) - units(mine.filter(([at]) => at === first));
        return data.call || quantity > others ? ["self_trade", "You cannot trade with yourself."] : null;
    }

    /* The standing units that the order would take from others, best first, as [price, units]. */
    function matched({ data, levels }, order) {
        if (data.call) return [];
        const found = [];
        let left = order.quantity;
        for (const [at, there] of levels[OTHER[order.side]]) {
            if (!left || !crosses(order.side, order.price, at)) break;
            found.push([at, Math.min(left, there)]);
            left -= found.at(-1)[1];
        }
        return found;
    }

    function checkOthers(market, order) {
        const { side, price } = order, mine = own(market, order, OTHER[side]);
        if (price !== null || market.mine.more || (hides(market) && mine.length) || units(market.levels[OTHER[side]]) > units(mine)) return null;
        return ["nobody", side === "buy" ? "Nobody else is selling at the moment." : "Nobody else is buying at the moment."];
    }

    function checkImprovement({ data, levels }, { side, price, old }) {
        const best = levels[side][0];
        if (!data.improvement || old || price === null || !best) return null;
        if (side === "buy" ? price > best[0] + NEARLY : price < best[0] - NEARLY) return null;
        const text = side === "buy" ? "A new bid must be above the best bid, {price}." : "A new ask must be below the best ask, {price}.";
        return ["no_improvement", text, { price: best[2] }];
    }

    function checkOrders(market, order) {
        const { data, mine } = market, { side, price, terms } = order;
        if (data.max_orders === null || price === null || terms || replaced(market, order).length || matched(market, order).length) return null;
        const standing = mine.orders.filter((row) => row[1] === side).length;
        return standing >= data.max_orders ? ["too_many_orders", "You have reached the limit for orders of this kind: {count}.", { count: data.max_orders }] : null;
    }

    /* The least that a purchase can cost is reserved; where there are taxes or fees, only the server knows. */
    function checkCash(market, order) {
        const { data, mine } = market, { side, price, quantity, terms } = order;
        if (side !== "buy" || mine.free.cash === null || mine.units < 0 || data.charges || terms) return null;
        if (price === null && own(market, order, "sell").length) return null;
        const taken = matched(market, order), rest = price === null ? 0 : (quantity - units(taken)) * price;
        if (taken.length && hides(market)) return null;
        const cost = rest + taken.reduce((sum, [at, count]) => sum + at * count, 0);
        const released = replaced(market, order).reduce((sum, row) => sum + Number(row[2]) * row[3], 0);
        return cost > Number(mine.free.cash) + released + NEARLY ? ["no_cash", "You do not have enough money left for this order."] : null;
    }

    function checkStock(market, order) {
        const { mine } = market, { side, price, quantity, terms } = order;
        if (side !== "sell" || mine.free.units === null || price === null || terms) return null;
        const released = replaced(market, order).reduce((sum, row) => sum + row[3], 0);
        return quantity > mine.free.units + released ? ["no_units", "You do not have enough units left for this order."] : null;
    }

    /* The best of the trader's prices goes with the next unit, the second best with the one after it, and so on. */
    function checkLoss(market, order) {
        const { data, mine } = market, { side, quantity, terms } = order, isBid = side === "buy";
        let { price } = order;
        if (!mine.limits || mine.more || terms) return null;
        if (price === null) {
            if (quantity > 1 || own(market, order, OTHER[side]).length) return null;
            price = market.levels[OTHER[side]][0]?.[0] ?? null;
            if (price === null) return null;
        }
        const offered = [...own(market, order), [price, quantity]].sort((a, b) => (isBid ? b[0] - a[0] : a[0] - b[0]));
        const prices = offered.flatMap(([at, count]) => Array(count).fill(at)), limits = mine.limits[side].map(Number);
        const loss = prices.findIndex((at, unit) => (isBid ? at > limits[unit] + NEARLY : at < limits[unit] - NEARLY));
        if (loss < 0) return null;
        const value = (isBid ? mine.values : mine.costs)[loss];
        const [plain, net] = isBid
            ? ["Your bid is above your value of {value}.", "Your bid with taxes and fees is above your value of {value}."]
            : ["Your ask is below your cost of {value}.", "Your ask less taxes and fees is below your cost of {value}."];
        return ["loss", data.charges ? net : plain, { value }];
    }

    const CHECKS = [checkOpen, checkHalted, checkUnits, checkPrice, checkQuantity, checkSelf, checkOthers, checkImprovement, checkOrders, checkCash, checkStock, checkLoss];

    /* The first reason to refuse an order: { code, text, values }; null if none is known.
     *
     * market: data (as the server sent it), mine, and levels: by side, best first, [price as a number, units, price as sent].
     * order: side, price (a number, or null for the best price), quantity, terms, and old: the own order that it changes;
     * with isAny, what is refused whatever is entered.
     */
    uproot.inner.marketRefusal = (market, order) => {
        if (!market.mine.cannot) return null;      // a page's own private data
        for (const check of order.isAny ? [checkOpen, checkHalted] : CHECKS) {
            const [code, text, values] = check(market, order) || [];
            if (text) return { code, text, values: values || {} };
        }
        return null;
    };
})();
