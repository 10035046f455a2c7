// Command constant is a baseline of the bench: it decodes the body if there is one, stores nothing, and
// gives the same answer to each request.
package main

import (
	"log"
	"os"

	"github.com/labstack/echo/v4"
)

type user struct {
	EnterpriseID string `json:"enterprise_id"`
	IsActive     *bool  `json:"is_active"`
	Phone        string `json:"phone"`
}

func main() {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	active := true
	answer := user{EnterpriseID: "default", IsActive: &active}
	e.PUT("/openapi/v1/users/:user_id", func(c echo.Context) error {
		var sent user
		if err := c.Bind(&sent); err != nil {
			return err
		}
		return c.JSON(200, answer)
	})
	e.GET("/openapi/v1/users/:user_id", func(c echo.Context) error { return c.JSON(200, answer) })
	log.Fatal(e.Start(os.Args[1])) // HOST:PORT
}
