// What a program with node-vault does at the mount: prints what it read as JSON.
const fs = require("node:fs");
const connect = require("node-vault");

const { BAO_ADDR, BAO_TOKEN, MOUNT, CSR_FILE } = process.env;
const vault = connect({ apiVersion: "v1", endpoint: BAO_ADDR, token: BAO_TOKEN });
const pki = (path) => `${MOUNT}/${path}`;

async function main() {
  await vault.write(pki("config/roles"), { config: "web", certificate_type: 501, validity: 365 });
  await vault.write(pki("roles/tool"), { allowed_domains: "example.com", allow_subdomains: true, key_type: "ec" });
  const role = (await vault.read(pki("roles/tool"))).data;
  await vault.update(pki("roles/tool"), { max_orders_per_day: 20 });
  const patched = (await vault.read(pki("roles/tool"))).data;
  const roles = (await vault.list(pki("roles"))).data.keys;
  const issued = (await vault.write(pki("issue/tool"), { common_name: "tool.example.com" })).data;
  const csr = fs.readFileSync(CSR_FILE, "utf8");
  const signed = (await vault.write(pki("sign/tool"), { csr })).data;
  const serials = (await vault.list(pki("certs"))).data.keys;
  const page = (await vault.list(pki(`certs?limit=1&after=${serials[0]}`))).data.keys;
  const read = (await vault.read(pki(`cert/${signed.serial_number}`))).data;
  const ca = await vault.read(pki("ca/pem"));
  const chain = await vault.read(pki("ca_chain"));
  const revoked = (await vault.write(pki("revoke"), { serial_number: issued.serial_number })).data;
  const refused = await vault.write(pki("issue/tool"), { common_name: "evil.test" }).catch((error) => error.message);
  await vault.delete(pki("roles/tool"));
  const gone = await vault.read(pki("roles/tool")).catch((error) => error.response.statusCode);
  return { role, patched, roles, issued, signed, serials, page, read, ca, chain, revoked, refused, gone };
}

main().then((outcome) => console.log(JSON.stringify(outcome)));
