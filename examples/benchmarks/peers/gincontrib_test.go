package peers

import (
	"net/http"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
)

func TestGinContrib(t *testing.T) {
	gin.SetMode(gin.TestMode)
	secret := []byte("0123456789abcdef0123456789abcdef")

	r := gin.New()
	r.Use(sessions.Sessions("session", memstore.NewStore(secret)))
	r.POST("/login", func(c *gin.Context) {
		id, ok := checkPassword(c.PostForm("email"), c.PostForm("password"))
		if !ok {
			c.String(http.StatusUnauthorized, "not you")
			return
		}
		session := sessions.Default(c)
		session.Set("userID", id)
		if err := session.Save(); err != nil {
			c.String(http.StatusInternalServerError, "try again")
			return
		}
		c.Redirect(http.StatusSeeOther, "/")
	})
	r.POST("/views", func(c *gin.Context) {
		session := sessions.Default(c)
		if session.Get("userID") == nil {
			c.String(http.StatusUnauthorized, "log in")
			return
		}
		views, _ := session.Get("views").(int)
		session.Set("views", views+1)
		if err := session.Save(); err != nil {
			c.String(http.StatusInternalServerError, "try again")
			return
		}
		c.String(http.StatusOK, "%d", views+1)
	})
	r.POST("/logout", func(c *gin.Context) {
		session := sessions.Default(c)
		session.Clear()
		if err := session.Save(); err != nil {
			c.String(http.StatusInternalServerError, "try again")
			return
		}
		c.Redirect(http.StatusSeeOther, "/")
	})

	visits(t, r)
}
