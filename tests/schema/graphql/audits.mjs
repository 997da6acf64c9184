// Runs the public audits of GraphQL over HTTP against a server, and prints what each has found, as JSON.
// node audits.mjs AUDITS_MODULE URL KEY

const [module, url, key] = process.argv.slice(2);
const { serverAudits } = await import(module);
const withKey = (address, said = {}) =>
  fetch(address, { ...said, headers: { ...said.headers, authorization: `Bearer ${key}` } });

const found = [];
for (const audit of serverAudits({ url, fetchFn: withKey })) {
  const { status, reason } = await audit.fn();
  found.push({ name: `${audit.id} ${audit.name}`, status, reason });
}
console.log(JSON.stringify(found));
