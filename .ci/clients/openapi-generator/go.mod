module client

go 1.26.0

require (
	github.com/antihax/optional v1.0.0
	golang.org/x/oauth2 v0.36.0
)
