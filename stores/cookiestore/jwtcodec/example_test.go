package jwtcodec_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/golang-jwt/jwt/v5"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/cookiestore/jwtcodec"
	"github.com/nguard-go/nguard/stores/memstore"
)

// sign signs any text as claims.
func sign(claims string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, []byte(secretA))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// A front end that has the secret verifies the cookie by itself and reads who somebody is.
func Example() {
	keys, err := cookiestore.NewRing([]byte("q6Zb0Vt2sXw9LrT4uJm8HcYkEo1NdPfA"))
	if err != nil {
		fmt.Println(err)
		return
	}
	theme := &nguard.Field[string]{Name: "theme", Default: "light"}
	fields := []nguard.AnyField{theme}
	codec, err := jwtcodec.New(jwtcodec.Config{Secret: "Zp3r8uWn0kq5TfVb2xYc7JdLs4GhMa9eQiRo1", Fields: fields})
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := cookiestore.New(cookiestore.Config{Keys: keys, Companion: memstore.New(), Codec: codec})
	if err != nil {
		fmt.Println(err)
		return
	}
	guard, err := nguard.New(nguard.Config{Store: store, Fields: fields, Waive: []nguard.Promise{nguard.NoLostUpdate}})
	if err != nil {
		fmt.Println(err)
		return
	}
	cookie, _, err := guard.Login(nguard.WithActor(context.Background(), "ann"), "ann", nguard.LoginOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}

	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(cookie, claims, func(*jwt.Token) (any, error) {
		return []byte("Zp3r8uWn0kq5TfVb2xYc7JdLs4GhMa9eQiRo1"), nil
	}, jwt.WithValidMethods([]string{"HS256"}))
	user, data := claims["user"].(map[string]any), claims["data"].(map[string]any)
	fmt.Println(user["id"], data["theme"], err)
	// Output: ann light <nil>
}
