generate:
	go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config .oapi-codegen/api.yaml openapi.yaml
	go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config .oapi-codegen/client.yaml openapi.yaml
	cp openapi.yaml gen/api/openapi.yaml
