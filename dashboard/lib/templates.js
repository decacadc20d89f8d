// What is said of templates in several views.

export const CATEGORIES = { "text-to-image": "Picture from a text", "image-edit": "Change a picture", upscale: "Make a picture larger",
  "image-to-video": "Bring a picture to life", other: "Other" };

export const categoryWord = (category) => CATEGORIES[category] ?? "Other";

// Whether it can run, in a word; and why not, in a sentence.
export function availabilityOf(template) {
  const { available, broken, unavailable_reasons: reasons } = template;
  if (broken && broken.serving === "none") {
    return { word: "Broken", kind: "failed", why: broken.faults[0].detail };
  }
  if (available === null) {
    return { word: "Not known yet", kind: "queued", why: "No ComfyUI has told what it has." };
  }
  if (available) {
    return { word: broken ? "Ready, its files are broken" : "Ready", kind: broken ? "expired" : "succeeded", why: broken ? broken.faults[0].detail : "" };
  }
  const rest = reasons.length - 1;
  return { word: "Lacks something", kind: "expired", why: `${reasons[0].detail}${rest > 0 ? ` (and ${rest} more)` : ""}` };
}

export function matches(template, search) {
  const text = [template.name, template.title, template.description ?? "", ...template.tags].join(" ").toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
