// Command durable is a baseline of the bench: it decodes the body and runs one prepared
// UPDATE for each request, which is on disk before the answer.
package main

import (
	"context"
	"database/sql"
	"log"
	"os"

	"github.com/labstack/echo/v4"
	_ "github.com/mattn/go-sqlite3"
)

type user struct {
	EnterpriseID string `json:"enterprise_id"`
	IsActive     *bool  `json:"is_active"`
	Phone        string `json:"phone"`
}

func main() {
	db, err := sql.Open("sqlite3", "file:"+os.Args[2]+"?_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_busy_timeout=2000&_txlock=immediate&_mutex=no")
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(1) // more connections would only wait for each other's lock
	if _, err := db.ExecContext(context.Background(), `PRAGMA wal_autocheckpoint = 4000`); err != nil {
		log.Fatal(err)
	}
	update, err := db.PrepareContext(context.Background(), `UPDATE users SET is_active = ? WHERE id = ?`)
	if err != nil {
		log.Fatal(err)
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.PUT("/openapi/v1/users/:user_id", func(c echo.Context) error {
		var sent user
		if err := c.Bind(&sent); err != nil {
			return err
		}
		if _, err := update.ExecContext(c.Request().Context(), sent.IsActive, c.Param("user_id")); err != nil {
			return err
		}
		return c.JSON(200, user{EnterpriseID: "default", IsActive: sent.IsActive})
	})
	log.Fatal(e.Start(os.Args[1])) // HOST:PORT FILE
}
