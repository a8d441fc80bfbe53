// What a program with Vault's or OpenBao's api package does at the mount: prints what it read as JSON.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
)

type data = map[string]any

// client is what both packages can do, without their types.
type client struct {
	read   func(path string) (data, error)
	page   func(path string, parameters map[string][]string) (data, error)
	list   func(path string) (data, error)
	write  func(path string, body data) (data, error)
	patch  func(path string, body data) (data, error)
	delete func(path string) error
	raw    func(path string) (string, error)
}

func main() {
	log.SetFlags(0)
	connect := map[string]func() (client, error){"vault": vaultClient, "openbao": openbaoClient}[os.Args[1]]
	connected, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	encoded, err := json.Marshal(outcome(connected))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(encoded))
}

func outcome(client client) data {
	pki := func(path string) string { return os.Getenv("MOUNT") + "/" + path }
	csr, err := os.ReadFile(os.Getenv("CSR_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	must(client.write(pki("config/roles"), data{"config": "web", "certificate_type": 501, "validity": 365}))
	must(client.write(pki("roles/tool"), data{"allowed_domains": "example.com", "allow_subdomains": true, "key_type": "ec"}))
	role := must(client.read(pki("roles/tool")))
	patched := must(client.patch(pki("roles/tool"), data{"max_orders_per_day": 20}))
	roles := must(client.list(pki("roles")))["keys"]
	issued := must(client.write(pki("issue/tool"), data{"common_name": "tool.example.com"}))
	signed := must(client.write(pki("sign/tool"), data{"csr": string(csr)}))
	serials := must(client.list(pki("certs")))["keys"].([]any)
	after := map[string][]string{"list": {"true"}, "limit": {"1"}, "after": {serials[0].(string)}}
	page := must(client.page(pki("certs"), after))["keys"]
	read := must(client.read(pki("cert/" + signed["serial_number"].(string))))
	ca := must(client.raw(pki("ca/pem")))
	chain := must(client.raw(pki("ca_chain")))
	revoked := must(client.write(pki("revoke"), data{"serial_number": issued["serial_number"]}))
	_, refused := client.write(pki("issue/tool"), data{"common_name": "evil.test"})
	if err := client.delete(pki("roles/tool")); err != nil {
		log.Fatal(err)
	}
	gone := 200
	if found, err := client.read(pki("roles/tool")); found == nil && err == nil {
		gone = 404
	}
	return data{
		"role": role, "patched": patched, "roles": roles, "issued": issued, "signed": signed, "serials": serials,
		"page": page, "read": read, "ca": ca, "chain": chain, "revoked": revoked, "refused": refused.Error(), "gone": gone,
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
