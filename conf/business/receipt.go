// Is this a good receipt of a face check?  Needs github.com/golang-jwt/jwt/v4.
//
//	receipt KEY APPID SEEN [ISSUER] <RECEIPT
//
// KEY     a file with the key: the same JWK as benren's (HS256), or what
// `benren receipt public-keys` prints (ES256: nothing in it is secret)
// APPID   your mini program; a receipt for another one is not for you
// SEEN    a folder for the receipts that you have taken; your database, see below
// ISSUER  "benren" unless given; "benren-sandbox" takes what a sandbox said: never in production
//
// Exit status 0: good, and its claims are printed; 1: not good, do not act on it.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"github.com/golang-jwt/jwt/v4"
)

type jwk struct {
	Kty, Kid, K, X, Y string
}

// readKeys takes one key or a set: two may be there while one takes over from the other.
func readKeys(file string) ([]jwk, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var set struct{ Keys []jwk }
	if err = json.Unmarshal(text, &set); err != nil || set.Keys != nil {
		return set.Keys, err
	}
	var one jwk
	err = json.Unmarshal(text, &one)
	return []jwk{one}, err
}

func bytesOf(text string) []byte {
	bytes, _ := base64.RawURLEncoding.DecodeString(text) // of our own key file
	return bytes
}

// keyOf gives the key that the receipt names, and refuses another algorithm than that of
// the key: otherwise somebody could sign with the public half of an ES256 key, as if it
// were the secret of HS256.
func keyOf(token *jwt.Token, keys []jwk) (interface{}, error) {
	for _, k := range keys {
		if k.Kid != token.Header["kid"] {
			continue
		}
		if k.Kty == "oct" && token.Method == jwt.SigningMethodHS256 {
			return bytesOf(k.K), nil
		}
		if k.Kty == "EC" && token.Method == jwt.SigningMethodES256 {
			return &ecdsa.PublicKey{Curve: elliptic.P256(),
				X: new(big.Int).SetBytes(bytesOf(k.X)), Y: new(big.Int).SetBytes(bytesOf(k.Y))}, nil
		}
		return nil, errors.New("signed with another algorithm than its key's")
	}
	return nil, errors.New("signed with an unknown key")
}

// firstTime: each verdict counts once, though the phone may get many receipts of it: all
// have one jti.  In your application: a table with jti as its primary key, and an INSERT in
// the same transaction as what you do because of the receipt.  Keep a jti for the lifetime
// of a receipt and two hours at least; for ever is simplest.
func firstTime(jti, folder string) error {
	file, err := os.OpenFile(filepath.Join(folder, jti), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if os.IsExist(err) {
		return errors.New("this verdict was taken before")
	}
	if err != nil {
		return err
	}
	return file.Close()
}

func check(receipt, file, appid, seen, issuer string) (jwt.MapClaims, error) {
	keys, err := readKeys(file)
	if err != nil {
		return nil, err
	}
	claims := jwt.MapClaims{}
	_, err = jwt.NewParser(jwt.WithJSONNumber()).ParseWithClaims(receipt, claims,
		func(token *jwt.Token) (interface{}, error) { return keyOf(token, keys) })
	if err != nil { // exp included, where it is there
		return nil, err
	}
	jti, _ := claims["jti"].(string)
	if claims["exp"] == nil || jti == "" {
		return nil, errors.New("a claim is missing")
	}
	if !claims.VerifyIssuer(issuer, true) || !claims.VerifyAudience(appid, true) {
		return nil, errors.New("not for this app, or not of this issuer")
	}
	return claims, firstTime(jti, seen)
}

func main() {
	if len(os.Args) != 4 && len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: receipt KEY APPID SEEN [ISSUER] <RECEIPT")
		os.Exit(1)
	}
	issuer := "benren"
	if len(os.Args) == 5 {
		issuer = os.Args[4]
	}
	receipt, _ := io.ReadAll(io.LimitReader(os.Stdin, 8192))
	claims, err := check(strings.TrimSpace(string(receipt)), os.Args[1], os.Args[2], os.Args[3], issuer)
	if err != nil {
		fmt.Fprintln(os.Stderr, "not a good receipt:", err)
		os.Exit(1)
	}
	text, _ := json.Marshal(claims)
	fmt.Println(string(text))
	// Now compare: is sub the user you have in front of you, source what you asked for, and
	// identity the person you expect?  README, "Receipts".
}
