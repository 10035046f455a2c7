package postgres_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// manyRounds is how many rounds a race has to find a fault. Most are found in the first ten.
const manyRounds = 2000

// The races of package storetest find each way to lock that looks right and is wrong.
func TestWrongRecipesAreFound(t *testing.T) {
	for recipe, race := range map[string]storetest.Race{
		"no lock on the actor":                              storetest.NothingAfterADemotion,
		"the actor's lock in the statement that reads":      storetest.NothingAfterADemotion,
		"SERIALIZABLE":                                      storetest.NothingAfterADemotion,
		"FOR SHARE on the actor's row":                      storetest.ADemotionIsNotOvertaken,
		"tokens JOIN users FOR SHARE OF users":              storetest.NothingAfterALogOut,
		"the target's lock only":                            storetest.AnAdministratorStays,
		"the enterprise's lock in the statement that reads": storetest.AnAdministratorStays,
	} {
		t.Run(recipe, func(t *testing.T) {
			db := newDatabase(t, storetest.NewPostgres(t), func(ctx context.Context, address string) (*postgres.Store, error) {
				return postgres.OpenWithWrong(ctx, address, recipe)
			})
			found := race(t, db.OpenNodes(t), manyRounds)
			require.Error(t, found)
			t.Log(found)
		})
	}
}
