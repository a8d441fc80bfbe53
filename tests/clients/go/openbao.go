package main

import (
	"context"
	"io"

	"github.com/openbao/openbao/api/v2"
)

func openbaoClient() (client, error) {
	connected, err := api.NewClient(nil) // of BAO_ADDR and BAO_TOKEN
	if err != nil {
		return client{}, err
	}
	logical := connected.Logical()
	of := func(secret *api.Secret, err error) (data, error) {
		if secret == nil || err != nil {
			return nil, err
		}
		return secret.Data, nil
	}
	return client{
		read:  func(path string) (data, error) { return of(logical.Read(path)) },
		list:  func(path string) (data, error) { return of(logical.List(path)) },
		write: func(path string, body data) (data, error) { return of(logical.Write(path, body)) },
		page: func(path string, parameters map[string][]string) (data, error) {
			return of(logical.ReadWithData(path, parameters))
		},
		patch: func(path string, body data) (data, error) {
			return of(logical.JSONMergePatch(context.Background(), path, body))
		},
		delete: func(path string) error {
			_, err := logical.Delete(path)
			return err
		},
		raw: func(path string) (string, error) {
			answer, err := logical.ReadRaw(path)
			if err != nil {
				return "", err
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			return string(body), err
		},
	}, nil
}
