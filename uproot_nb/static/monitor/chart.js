/* chart.js: fields over time. */

import { build } from "./dom.js";

const STYLES = 12;   // kinds of line in a chart

export function chartPanel(tell, chosen) {
    const field = build("input", { placeholder: "Fields, such as cash, session.price", "aria-label": "Fields to draw, with commas", onchange: () => tell({ op: "chart", fields: field.value }) });
    const note = build("span", { class: "unb-quiet" });
    const place = build("div", { role: "img", "aria-label": "Chart of fields over time", style: "padding:.3rem" });
    const panel = build("div", {}, build("div", { class: "unb-bar" }, field, note), place);
    const lines = new Map();
    let plot = null, late = null;
    function draw() {
        late = null;
        if (panel.closest("[hidden]")) return;
        plot?.destroy();
        plot = null;
        const names = [...lines].filter(([, line]) => !chosen.size || !line.player || chosen.has(line.player)).map(([name]) => name).slice(0, STYLES);
        note.textContent = names.length ? `${names.length} of ${lines.size} lines` : field.value.trim() ? "No numbers yet." : "";
        if (!names.length) return;
        const times = [...new Set(names.flatMap((name) => lines.get(name).points.map(([time]) => time)))].sort((a, b) => a - b);
        const columns = names.map((name) => {
            const known = new Map(lines.get(name).points);
            let value = null;
            return times.map((time) => (value = known.get(time) ?? value));
        });
        const ink = getComputedStyle(panel).color;
        const axis = { stroke: ink, grid: { stroke: "rgba(128,128,128,.25)" }, ticks: { stroke: "rgba(128,128,128,.25)" } };
        plot = new uPlot({
            width: Math.max(280, place.clientWidth - 12), height: 260, axes: [axis, axis],
            // At least a minute, up to the last point: a single point would span years.
            scales: { x: { range: (_, first, last) => {
                const end = Math.min(last, times[times.length - 1]);
                return [Math.min(first, end - 60), end];
            } } },
            series: [{}, ...names.map((name, at) => ({ label: name, stroke: `hsl(${at * 360 / names.length} 65% 45%)`, width: 1.5, paths: uPlot.paths.stepped({ align: 1 }) }))],
        }, [times, ...columns], place);
    }
    return {
        panel, look: draw,
        chart(message) { lines.clear(); field.value = message.fields; draw(); },
        news(message) {
            if (message.everything) { lines.clear(); field.value = message.chart; }
            message.points.forEach(([player, name, time, value]) => (lines.get(name) || lines.set(name, { player, points: [] }).get(name)).points.push([time, value]));
            if ((message.points.length || message.everything) && late === null) late = setTimeout(draw, 500);
        },
    };
}
