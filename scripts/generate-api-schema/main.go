// Prints the table of built-in API types as JSON: every field's JSON name, type, protobuf number and
// merge markers. Field facts come from the Go types' tags by reflection; what only the published
// OpenAPI documents say (required fields, list types, defaults) is read from the folder given as
// the first argument. Descriptions are left out on purpose.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"

	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	certificates "k8s.io/api/certificates/v1"
	core "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"serverless-knit/scripts/generate-api-schema/kinds"
)

// Kinds of meta/v1, which belong to every group and version.
var metaKinds = []any{
	meta.Status{}, meta.WatchEvent{}, meta.ListOptions{}, meta.GetOptions{}, meta.DeleteOptions{},
	meta.CreateOptions{}, meta.UpdateOptions{}, meta.PatchOptions{}, meta.APIGroup{},
	meta.APIGroupList{}, meta.APIResourceList{}, meta.APIVersions{}, meta.PartialObjectMetadata{},
	meta.PartialObjectMetadataList{}, meta.LabelSelector{},
}

// Types whose JSON form is not what their fields say.
var specials = map[reflect.Type]string{
	reflect.TypeFor[resource.Quantity]():                          "quantity",
	reflect.TypeFor[intstr.IntOrString]():                         "int-or-string",
	reflect.TypeFor[meta.Time]():                                  "time",
	reflect.TypeFor[meta.MicroTime]():                             "micro-time",
	reflect.TypeFor[meta.Duration]():                              "duration",
	reflect.TypeFor[meta.FieldsV1]():                              "fields",
	reflect.TypeFor[runtime.RawExtension]():                       "raw",
	reflect.TypeFor[apiextensions.JSON]():                         "json",
	reflect.TypeFor[apiextensions.JSONSchemaPropsOrArray]():       "schema-or-array",
	reflect.TypeFor[apiextensions.JSONSchemaPropsOrBool]():        "schema-or-boolean",
	reflect.TypeFor[apiextensions.JSONSchemaPropsOrStringArray](): "schema-or-strings",
	reflect.TypeFor[authentication.ExtraValue]():                  "string-list",
	reflect.TypeFor[authorization.ExtraValue]():                   "string-list",
	reflect.TypeFor[certificates.ExtraValue]():                    "string-list",
	reflect.TypeFor[meta.Verbs]():                                 "string-list",
}

type fieldRow struct {
	Name   string `json:"name"`
	Number int    `json:"number,omitempty"`
	Type   string `json:"type"`
	// Go's name of the type, which decoding errors quote, where it does not follow from Type.
	GoType    string   `json:"goType,omitempty"`
	Inline    bool     `json:"inline,omitempty"`
	Pointer   bool     `json:"pointer,omitempty"`
	OmitEmpty bool     `json:"omitEmpty,omitempty"`
	OmitZero  bool     `json:"omitZero,omitempty"`
	Required  bool     `json:"required,omitempty"`
	Default   any      `json:"default,omitempty"`
	ListType  string   `json:"listType,omitempty"`
	ListKeys  []string `json:"listKeys,omitempty"`
	MapType   string   `json:"mapType,omitempty"`
	Strategy  string   `json:"patchStrategy,omitempty"`
	MergeKey  string   `json:"patchMergeKey,omitempty"`
}

type typeRow struct {
	// Embeds TypeMeta: the JSON form may carry kind and apiVersion.
	HasKind bool       `json:"hasKind,omitempty"`
	MapType string     `json:"mapType,omitempty"`
	Unions  any        `json:"unions,omitempty"`
	Fields  []fieldRow `json:"fields"`
}

type openAPISchema struct {
	Properties map[string]openAPIProperty `json:"properties"`
	Required   []string                   `json:"required"`
	MapType    string                     `json:"x-kubernetes-map-type"`
	Unions     any                        `json:"x-kubernetes-unions"`
}

type openAPIProperty struct {
	Default  any      `json:"default"`
	ListType string   `json:"x-kubernetes-list-type"`
	ListKeys []string `json:"x-kubernetes-list-map-keys"`
	MapType  string   `json:"x-kubernetes-map-type"`
}

type generator struct {
	types    map[string]typeRow
	packages map[string]string
	openAPI  map[string]openAPISchema
}

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: generate-api-schema <folder of OpenAPI v3 documents>"))
	}
	g := &generator{
		types:    map[string]typeRow{},
		packages: map[string]string{},
		openAPI:  readOpenAPI(os.Args[1]),
	}
	byKind := map[string]string{}
	for _, group := range kinds.Groups {
		scheme := runtime.NewScheme()
		if err := group.Add(scheme); err != nil {
			fail(err)
		}
		for kind, goType := range scheme.KnownTypes(group.GV) {
			// Those of meta/v1 are registered with every group and version.
			if strings.Contains(goType.PkgPath(), "/meta/v1") || kind == "List" {
				continue
			}
			byKind[group.GV.String()+"/"+kind] = g.add(goType)
		}
	}
	byKind["v1/List"] = g.add(reflect.TypeFor[core.List]())
	common := map[string]string{}
	for _, value := range metaKinds {
		goType := reflect.TypeOf(value)
		common[goType.Name()] = g.add(goType)
	}
	for _, packageName := range g.packages {
		if packageName == "" {
			fail(fmt.Errorf("a package has no name"))
		}
	}
	write(map[string]any{
		"packages":    g.packages,
		"kinds":       byKind,
		"commonKinds": common,
		"types":       g.types,
	})
}

// Adds a struct type and all that it refers to; returns its name in the table.
func (g *generator) add(goType reflect.Type) string {
	short, openAPIPackage := packageNames(goType.PkgPath())
	g.packages[short] = openAPIPackage
	name := short + "." + goType.Name()
	if _, ok := g.types[name]; ok {
		return name
	}
	g.types[name] = typeRow{}
	published := g.openAPI[openAPIPackage+"."+goType.Name()]
	row := typeRow{MapType: published.MapType, Unions: published.Unions, Fields: []fieldRow{}}
	for i := range goType.NumField() {
		field := goType.Field(i)
		if field.Type == reflect.TypeFor[meta.TypeMeta]() {
			row.HasKind = true
			continue
		}
		if field.Tag.Get("json") == "-" {
			continue
		}
		row.Fields = append(row.Fields, g.describe(name, field, published))
	}
	sort.SliceStable(row.Fields, func(i, j int) bool { return row.Fields[i].Number < row.Fields[j].Number })
	g.types[name] = row
	return name
}

func (g *generator) describe(owner string, field reflect.StructField, published openAPISchema) fieldRow {
	options := strings.Split(field.Tag.Get("json"), ",")
	row := fieldRow{Name: options[0]}
	for _, option := range options[1:] {
		switch option {
		case "omitempty":
			row.OmitEmpty = true
		case "omitzero":
			row.OmitZero = true
		case "inline":
			row.Inline = true
		}
	}
	wire := strings.Split(field.Tag.Get("protobuf"), ",")
	if len(wire) > 1 {
		number, err := strconv.Atoi(wire[1])
		if err != nil {
			fail(fmt.Errorf("%s.%s: %w", owner, field.Name, err))
		}
		row.Number = number
	}
	if row.Number == 0 && !strings.HasPrefix(owner, "meta.v1.") {
		fail(fmt.Errorf("%s.%s has no protobuf number", owner, field.Name))
	}
	// encoding/json flattens an embedded struct without a name, with or without the word inline.
	row.Inline = row.Inline || (field.Anonymous && row.Name == "")
	row.Strategy = field.Tag.Get("patchStrategy")
	row.MergeKey = field.Tag.Get("patchMergeKey")
	goType := field.Type
	if goType.Kind() == reflect.Pointer {
		row.Pointer = true
		goType = goType.Elem()
	}
	row.Type = g.typeName(owner+"."+field.Name, goType)
	if hasNamedScalar(goType) {
		row.GoType = goType.String()
	}
	if row.Inline {
		return row
	}
	property, ok := published.Properties[row.Name]
	if !ok && len(published.Properties) > 0 {
		fail(fmt.Errorf("%s.%s is not in the OpenAPI documents", owner, row.Name))
	}
	row.ListType, row.ListKeys, row.MapType = property.ListType, property.ListKeys, property.MapType
	switch property.Default.(type) {
	case map[string]any, []any, nil:
	default:
		// Zero values are noise of the documents' generator.
		if property.Default != "" && property.Default != false && property.Default != 0.0 {
			row.Default = property.Default
		}
	}
	for _, required := range published.Required {
		row.Required = row.Required || required == row.Name
	}
	return row
}

func (g *generator) typeName(where string, goType reflect.Type) string {
	if special, ok := specials[goType]; ok {
		return special
	}
	switch goType.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int32:
		return "int32"
	case reflect.Int64, reflect.Int:
		return "int64"
	case reflect.Float64:
		return "double"
	case reflect.Struct:
		return g.add(goType)
	case reflect.Slice:
		if goType.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + g.typeName(where, goType.Elem())
	case reflect.Map:
		return "{}" + g.typeName(where, goType.Elem())
	}
	fail(fmt.Errorf("%s: no rule for Go type %s", where, goType))
	return ""
}

// A string or number type with a name of its own, or a list or map with one in it.
func hasNamedScalar(goType reflect.Type) bool {
	if _, ok := specials[goType]; ok {
		return false
	}
	switch goType.Kind() {
	case reflect.Struct:
		return false
	case reflect.Slice:
		return goType.Name() != "" || hasNamedScalar(goType.Elem())
	case reflect.Map:
		return goType.Name() != "" || goType.Key().Name() != "string" || hasNamedScalar(goType.Elem())
	}
	return goType.PkgPath() != ""
}

// k8s.io/api/core/v1 is `core.v1` here and `io.k8s.api.core.v1` in OpenAPI documents.
func packageNames(path string) (short, openAPI string) {
	parts := strings.Split(path, "/")
	host := strings.Split(parts[0], ".")
	for i, j := 0, len(host)-1; i < j; i, j = i+1, j-1 {
		host[i], host[j] = host[j], host[i]
	}
	short = strings.Join(parts[len(parts)-2:], ".")
	return short, strings.Join(append(host, parts[1:]...), ".")
}

func readOpenAPI(folder string) map[string]openAPISchema {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		fail(fmt.Errorf("no OpenAPI documents in %s (%v)", folder, err))
	}
	all := map[string]openAPISchema{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			fail(err)
		}
		var document struct {
			Components struct {
				Schemas map[string]openAPISchema `json:"schemas"`
			} `json:"components"`
		}
		if err := json.Unmarshal(text, &document); err != nil {
			fail(fmt.Errorf("%s: %w", file, err))
		}
		for name, value := range document.Components.Schemas {
			all[name] = value
		}
	}
	return all
}

func write(table any) {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(table); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "generate-api-schema:", err)
	os.Exit(1)
}
