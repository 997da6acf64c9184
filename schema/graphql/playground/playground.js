// The playground's own part: the key from the address, the example tabs, and what is remembered where.
// A key lives in this browser tab's sessionStorage and nowhere else: localStorage never holds a header.
"use strict";

const OURS = "tessera-playground:";

// ---- the key

const storedKey = () => sessionStorage.getItem(OURS + "key") ?? "";
const headersWith = (key) => ({ Authorization: `Bearer ${key}` });
const keyIn = (text) => /Bearer\s+([^\s"]+)/.exec(text)?.[1];

function rememberKey(key) {
  if (key) sessionStorage.setItem(OURS + "key", key);
  document.getElementById("hint").hidden = Boolean(storedKey());
}

// The key in `#key=…`, taken out of the address: no bookmark, copied address or screenshot shall carry it.
function takeKey() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key !== null) history.replaceState(null, "", location.pathname + location.search);
  return key;
}

// ---- what GraphiQL stores

const ourNames = () => Object.keys(localStorage).filter((name) => name.startsWith(OURS));
const withoutHeaders = (json) =>
  JSON.stringify(JSON.parse(json), (name, value) => (name === "headers" ? null : value));

// localStorage under names of our own, since another GraphiQL may have lived at this address, and without
// headers: GraphiQL's history keeps them even when told not to persist any.
const storage = {
  getItem: (name) => localStorage.getItem(OURS + name),
  setItem(name, text) {
    const holdsHeaders = /^graphiql:(tabState|queries|favorites)$/.test(name);
    localStorage.setItem(OURS + name, holdsHeaders ? withoutHeaders(text) : text);
  },
  removeItem: (name) => localStorage.removeItem(OURS + name),
  clear: () => ourNames().forEach((name) => localStorage.removeItem(name)),
  get length() {
    return ourNames().length;
  },
};

// ---- the tabs

const examples = () => JSON.parse(document.getElementById("tabs").textContent);

// `headers` stay null: GraphiQL shows `defaultHeaders` in such a tab, with whichever key it is today.
const tabOf = ({ name, query, variables }) => ({
  id: Math.random().toString(36).slice(2),
  title: name,
  operationName: name,
  query,
  variables,
  headers: null,
  response: null,
});

function storedState() {
  try {
    const state = JSON.parse(storage.getItem("graphiql:tabState"));
    return state.tabs.length ? state : null;
  } catch {
    return null;
  }
}

// Who comes with a key gets the examples as they are, in front of the tabs they wrote themselves.
function stateWithExamples(stored) {
  const queries = examples().map(({ query }) => query);
  const own = (stored?.tabs ?? []).filter(({ query }) => !queries.includes(query));
  return { tabs: [...examples().map(tabOf), ...own], activeTabIndex: 0 };
}

// Lays the tabs out where GraphiQL looks for them. It opens the tab whose query and variables are the stored
// ones, and adds one if there is none such: hence all three.
function layOutTabs(isFresh) {
  const stored = storedState();
  const state = isFresh || !stored ? stateWithExamples(stored) : stored;
  const { query, variables } = state.tabs[state.activeTabIndex] ?? state.tabs[0];
  storage.setItem("graphiql:tabState", JSON.stringify(state));
  storage.setItem("graphiql:query", query ?? "");
  storage.setItem("graphiql:variables", variables ?? "");
}

// ---- the page

// Headers that name no Authorization go out with this tab's key: GraphiQL asks for the schema before its
// headers editor is there, and its history empties that editor. One with no key in it is not sent at all.
function outgoing(headers) {
  const isAuthorization = ([name]) => name.toLowerCase() === "authorization";
  const isStub = ([, value]) => /^\s*(Bearer)?\s*$/i.test(value);
  const given = Object.entries(headers ?? {});
  const all = given.some(isAuthorization) ? given : [...given, ...Object.entries(headersWith(storedKey()))];
  return Object.fromEntries(all.filter((header) => !(isAuthorization(header) && isStub(header))));
}

// For a moment after a change of tab GraphiQL still names the operation of the tab before.
const withItsName = (params) =>
  params.query.includes(params.operationName) ? params : { ...params, operationName: undefined };

function makeFetcher() {
  const send = GraphiQL.createFetcher({ url: location.pathname });
  return (params, options) => send(withItsName(params), { ...options, headers: outgoing(options?.headers) });
}

function Playground({ fetcher }) {
  const [key, setKey] = React.useState(storedKey);
  React.useEffect(() => rememberKey(key), [key]);
  const settings = {
    fetcher,
    storage,
    defaultHeaders: JSON.stringify(headersWith(key), null, 2),
    onEditHeaders: (text) => setKey((before) => keyIn(text) ?? before),
    shouldPersistHeaders: false,
    defaultEditorToolsVisibility: "headers",
  };
  return React.createElement(GraphiQL, settings, React.createElement(GraphiQL.Logo, null, "Tessera"));
}

function sayWhatIsMissing() {
  document.getElementById("missing").hidden = false;
  document.getElementById("address").textContent = location.origin + location.pathname;
}

function open() {
  const key = takeKey();
  if (!window.React || !window.ReactDOM || !window.GraphiQL) return sayWhatIsMissing();
  rememberKey(key);
  layOutTabs(Boolean(key));
  const root = ReactDOM.createRoot(document.getElementById("playground"));
  root.render(React.createElement(Playground, { fetcher: makeFetcher() }));
}

// The printed address pasted over an open playground changes only the fragment: nothing is loaded anew.
window.addEventListener("hashchange", () => {
  if (location.hash.startsWith("#key=")) location.reload();
});
open();
