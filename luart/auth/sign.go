package auth

import (
	"encoding/json"
	"errors"
)

// Sign makes a token of claims, a JSON object. kid is the name of the key; "": it has none. alg is
// one that the key can; "": that of its kind.
func Sign(claims []byte, key *Key, kid, alg string) (string, error) {
	var algs []string
	if alg != "" {
		algs = []string{alg}
	}
	if err := key.Check(algs); err != nil {
		return "", err
	}
	alg = key.Algs(algs)[0]
	if members, err := readObject(claims, nil); err != nil {
		return "", errors.New("the claims: " + err.Error())
	} else if err := checkMade(members); err != nil {
		return "", err
	}
	header := []byte(`{"alg":"` + alg + `","typ":"JWT"`)
	if kid != "" {
		name, err := json.Marshal(kid)
		if err != nil {
			return "", err
		}
		header = append(append(header, `,"kid":`...), name...)
	}
	text := encoding.EncodeToString(append(header, '}')) + "." + encoding.EncodeToString(claims)
	signature, err := key.sign(alg, text)
	if err != nil {
		return "", err
	}
	token := text + "." + encoding.EncodeToString(signature)
	if len(token) > MaxToken {
		return "", errors.New("the claims are too long: nobody would take the token")
	}
	return token, nil
}

// checkMade says which registered claim nobody could read.
func checkMade(claims []member) error {
	for _, m := range claims {
		var err error
		switch string(m.name) {
		case "exp", "nbf", "iat":
			_, err = date(m)
		case "sub", "iss", "jti":
			if _, wrong := text(m.value); wrong != nil {
				err = errors.New("the claim " + string(m.name) + " is no text")
			}
		case "aud":
			if wrong := eachText(m.value, func([]byte) {}); wrong != nil {
				err = errors.New("the claim aud: " + wrong.Error())
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
