export type Pattern = { text: string; exact: boolean } | { source: string; flags: string };

export type Step =
  | { by: "role"; role: string; name: Pattern | null }
  | { by: "text" | "label"; text: Pattern | null }
  | { by: "index"; index: number }
  | { by: "filter"; has: Pattern | null; hasNot: Pattern | null }
  | { by: "or"; steps: Step[] };

export type Action = "wait" | "click" | "check" | "fill" | "value" | "texts";

/**
 * Follows the steps to elements, and applies the action to the first one. The function runs in the page, so it uses
 * nothing from outside. It follows those rules of Playwright's locators that our pages need.
 * @returns null if there is no such element, or if the element cannot be used yet
 */
export function find([steps, action, value]: [Step[], Action, string]): { result: unknown } | null {
  const { document, getComputedStyle, Event, HTMLInputElement } = globalThis as any;
  const ROLES: Record<string, string> = {
    alert: "",
    button: "button",
    complementary: "aside",
    definition: "dd",
    dialog: "dialog",
    heading: "h1, h2, h3",
    link: "a[href]",
    list: "ul, ol",
    listitem: "li",
    radio: "input[type=radio]",
    searchbox: "input[type=search]",
    status: "",
    tab: "",
    table: "table",
    textbox: "textarea, input:not([type]), input[type=text], input[type=email]",
  };
  const textOf = (element: any) => String(element.textContent).replace(/\s+/g, " ").trim();
  const isShown = (element: any) =>
    element.getClientRects().length > 0 && getComputedStyle(element).visibility === "visible";
  const matches = (pattern: any, text: string): boolean => {
    if (pattern === null) return true;
    if ("source" in pattern) return new RegExp(pattern.source, pattern.flags).test(text);
    if (pattern.exact) return text === pattern.text;
    return text.toLowerCase().includes(pattern.text.toLowerCase());
  };
  const labelOf = (element: any): string => {
    const ids = (element.getAttribute("aria-labelledby") ?? "").split(" ");
    const named = ids.map((id: string) => id && document.getElementById(id)).filter(Boolean);
    const labels = named.length > 0 ? named : [...(element.labels ?? [])];
    return element.getAttribute("aria-label") ?? labels.map(textOf).join(" ");
  };
  const all = (root: any, selector: string): any[] => [...root.querySelectorAll(selector)];

  const follow = (roots: any[], rest: any[]): any[] => {
    const [step, ...later] = rest;
    if (step === undefined) return roots;
    const below = (search: (root: any) => any[]) => [...new Set(roots.flatMap(search))];
    let found: any[];
    if (step.by === "role") {
      const selector = [ROLES[step.role], `[role=${step.role}]`].filter(Boolean).join(", ");
      found = below((root) => all(root, selector)).filter(
        (element) =>
          isShown(element) && matches(step.name, (labelOf(element) || textOf(element)).trim()),
      );
    } else if (step.by === "text") {
      const hit = (element: any) => matches(step.text, textOf(element));
      found = below((root) => [...(root === document ? [] : [root]), ...all(root, "*")]).filter(
        (element) =>
          !/^(SCRIPT|STYLE|HEAD|TITLE)$/.test(element.tagName) &&
          hit(element) &&
          ![...element.children].some(hit) &&
          isShown(element),
      );
    } else if (step.by === "label") {
      found = below((root) => all(root, "*")).filter(
        (element) => labelOf(element) !== "" && matches(step.text, labelOf(element)),
      );
    } else if (step.by === "filter") {
      found = roots.filter(
        (element) =>
          matches(step.has, textOf(element)) &&
          (step.hasNot === null || !matches(step.hasNot, textOf(element))),
      );
    } else if (step.by === "index") found = roots.slice(step.index).slice(0, 1);
    else found = [...roots, ...follow([document], step.steps)];
    return follow(found, later);
  };

  const elements = follow([document], steps);
  const [element] = elements;
  if (action === "texts") return { result: elements.map(({ textContent }: any) => textContent) };
  if (!element) return null;
  if (action === "value") return { result: element.value };
  if (action === "wait") return { result: null };
  if (element.matches(":disabled")) return null;
  element.scrollIntoView({ block: "nearest" });
  if (action === "fill") {
    element.focus();
    // `element.value = value` would not work: React overrides that setter, and would not notice the change.
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(element, value);
    element.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (action === "click" || !element.checked) {
    element.focus();
    element.click();
  }
  return { result: null };
}
