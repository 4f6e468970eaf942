"""What the page adds to Gradio's looks: frames that fit, one word alone, no broken picture. CSS and JavaScript."""

from __future__ import annotations

from typing import Final

CSS: Final = """
#ct-picture, #ct-picture .container, #ct-photo:has(img) { height: auto !important; }
#ct-picture .image-container { flex: none; width: min(100%, calc(75vh * var(--ct-ratio, 1))); margin: 30px auto 0; }
#ct-picture .base-image { width: 100%; height: auto; }
#ct-picture .mask { width: 100%; height: 100%; object-fit: fill; }
#ct-picture .empty { min-height: 40vh; }
#ct-picture .legend-item { color: #111; font-weight: 500; }
#ct-picture .legend-item[aria-pressed=true] { outline: 2px solid currentColor; }
#ct-picture[data-ct-alone] .mask { opacity: 1 !important; }
#ct-picture[data-ct-alone] .mask[data-ct-other] { opacity: 0 !important; }
#ct-picture[data-ct-alone] .base-image { filter: grayscale(1) brightness(0.6); }
#ct-photo img { max-height: 45vh; width: auto; max-width: 100%; }
#ct-photo[data-ct-unshown] img { visibility: hidden; min-height: 160px; }
#ct-photo[data-ct-unshown]:has(img)::after {
    content: "This browser shows no preview of the file. It is segmented all the same.";
    position: absolute; inset: 40px 20px; display: grid; place-items: center; text-align: center; pointer-events: none;
}
"""
"""Style of the page."""

JS: Final = """
() => {
    const picture = () => document.querySelector("#ct-picture");
    const all = (selector) => [...picture().querySelectorAll(selector)];
    let due = false;  // an answer whose picture is not loaded yet
    const show = () => {
        const { top } = picture().getBoundingClientRect();
        if (top < 0 || top > 0.4 * innerHeight) picture().scrollIntoView({ behavior: "smooth", block: "start" });
    };
    const alone = (chosen) => {
        picture().toggleAttribute("data-ct-alone", chosen !== null);
        const items = all(".legend-item");
        items.forEach((item) => item.setAttribute("aria-pressed", item === chosen));
        all(".mask").forEach((mask, i) => mask.toggleAttribute("data-ct-other", chosen && items[i] !== chosen));
    };
    document.addEventListener("click", (event) => {
        const item = event.target.closest?.("#ct-picture .legend-item");
        if (item) alone(item.getAttribute("aria-pressed") === "true" ? null : item);
    });
    // Neither event bubbles, so that they are caught on their way down.
    document.addEventListener("load", ({ target }) => {
        if (target.matches?.("#ct-picture .base-image")) {
            target.parentElement.style.setProperty("--ct-ratio", target.naturalWidth / target.naturalHeight);
            if (due) show();
            due = false;
        }
        if (target.matches?.("#ct-photo img")) target.closest("#ct-photo").removeAttribute("data-ct-unshown");
    }, true);
    document.addEventListener("error", ({ target }) => {
        if (target.matches?.("#ct-photo img")) target.closest("#ct-photo").setAttribute("data-ct-unshown", "");
    }, true);
    window.ctAnswered = () => {
        const base = picture().querySelector(".base-image");
        due = !base?.complete;
        alone(null);
        show();
    };
}
"""
"""Behaviour of the page, run when it is loaded."""

ANSWERED: Final = "() => setTimeout(window.ctAnswered, 150)"
"""Run when an answer is there: it comes into view, with all its words."""
