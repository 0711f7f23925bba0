# What is done often. CI runs .ci/run, which is everything.

.PHONY: build test lint update release pages screenshots

build:
	CGO_ENABLED=0 go build -o lictrail ./cmd/lictrail

test:
	go test -short ./...

lint:
	test -z "$$(gofmt -l .)"
	go vet ./...
	go tool staticcheck ./...
	go mod tidy -diff

# Writes the expected output of all tests anew, by the flag that package golden has.
update:
	go test $$(go list -f '{{.ImportPath}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... | grep lictrail/internal/golden | cut -d' ' -f1) -update

release:
	go run -trimpath ./cmd/release -dir dist

# Checks the pages of lictrail serve with a checker of HTML and axe-core: needs npm.
pages:
	.ci/pages

# The pictures of the documentation, from the demo, with Chromium.
screenshots:
	go test ./cmd/lictrail/internal/web -count 1 -run TestPages_Screenshots -screenshots $(CURDIR)/docs/images
