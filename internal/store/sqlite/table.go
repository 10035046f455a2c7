package sqlite

import (
	"database/sql/driver"
	"fmt"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"sync"

	"gorm.io/gorm/schema"
)

// table has the columns of a table as GORM parses them from Row, the model. The prepared
// path takes the names of columns, their order and their types from it alone.
type table[Row any] struct {
	name    string
	columns []column // in the order of Row's fields
}

type column struct {
	name  string
	field int // its index in the struct
}

// columnSet is a set of columns of one table: bit i is column i.
type columnSet uint64

// mustTable is newTable for variables of the package. It panics if newTable fails.
func mustTable[Row any]() *table[Row] {
	t, err := newTable[Row]()
	if err != nil {
		panic(err)
	}
	return t
}

// newTable fails if Row has too many columns for a columnSet, or a field of another type
// than setField supports.
func newTable[Row any]() (*table[Row], error) {
	model, err := schema.Parse(new(Row), &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		return nil, fmt.Errorf("parse a model: %w", err)
	}
	t := &table[Row]{name: model.Table}
	if len(model.DBNames) > bits.OnesCount64(uint64(^columnSet(0))) {
		return nil, fmt.Errorf("table %s has %d columns: too many for a columnSet", t.name, len(model.DBNames))
	}
	for _, name := range model.DBNames {
		field := model.FieldsByDBName[name].StructField
		if len(field.Index) != 1 || !isColumnType(field.Type) {
			return nil, fmt.Errorf("column %s.%s: fields of type %s are not supported", t.name, name, field.Type)
		}
		t.columns = append(t.columns, column{name, field.Index[0]})
	}
	return t, nil
}

// set returns the columns of these names. It panics if the table lacks one of them.
func (t *table[Row]) set(names ...string) (set columnSet) {
	for _, name := range names {
		i := t.index(name)
		if i < 0 {
			panic(fmt.Sprintf("table %s has no column %s", t.name, name))
		}
		set |= 1 << i
	}
	return set
}

// all returns all columns.
func (t *table[Row]) all() columnSet { return 1<<len(t.columns) - 1 }

// index returns -1 if the table has no such column.
func (t *table[Row]) index(name string) int {
	return slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })
}

// selectList returns the columns for a SELECT, in the order in which scan expects them.
func (t *table[Row]) selectList(set columnSet) string {
	var names []string
	for i, c := range t.columns {
		if set&(1<<i) != 0 {
			names = append(names, t.name+"."+c.name)
		}
	}
	return strings.Join(names, ", ")
}

// scan stores a value for each column of the set in the row. It returns the values that are left.
func (t *table[Row]) scan(set columnSet, row *Row, values []driver.Value) (rest []driver.Value, err error) {
	fields := reflect.ValueOf(row).Elem()
	for i, c := range t.columns {
		if set&(1<<i) == 0 {
			continue
		}
		if err := setField(fields.Field(c.field), values[0]); err != nil {
			return nil, fmt.Errorf("read %s.%s: %w", t.name, c.name, err)
		}
		values = values[1:]
	}
	return values, nil
}

// placeholder is the name of a column. In a dry run it takes the place of the column's value,
// so that the statement's variables show in which order it takes the values.
type placeholder string

// placeholders returns a placeholder for each column of the set, by the column's name.
func (t *table[Row]) placeholders(set columnSet) map[string]any {
	values := map[string]any{}
	for i, c := range t.columns {
		if set&(1<<i) != 0 {
			values[c.name] = placeholder(c.name)
		}
	}
	return values
}

// arguments returns the values that the statement takes from the row, in the statement's
// order. It fails if a variable of the statement is not a placeholder.
func (t *table[Row]) arguments(s statement, row *Row) ([]driver.Value, error) {
	fields := reflect.ValueOf(row).Elem()
	arguments := make([]driver.Value, len(s.variables))
	for i, variable := range s.variables {
		name, _ := variable.(placeholder)
		column := t.index(string(name))
		if column < 0 {
			return nil, fmt.Errorf("%s: variable %d is not a column of %s", s.text, i+1, t.name)
		}
		arguments[i] = fieldValue(fields.Field(t.columns[column].field))
	}
	return arguments, nil
}

// isColumnType reports whether setField and fieldValue support the type.
func isColumnType(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int32, reflect.Int64, reflect.String, reflect.Bool:
		return true
	default:
		return t == reflect.TypeFor[[]byte]()
	}
}

// setField stores a value that SQLite has returned. It fails if the value's type does not fit,
// which STRICT tables exclude as long as the model agrees with the schema.
func setField(field reflect.Value, value driver.Value) error {
	switch field.Kind() {
	case reflect.Pointer:
		if value == nil {
			field.SetZero()
			return nil
		}
		field.Set(reflect.New(field.Type().Elem()))
		return setField(field.Elem(), value)
	case reflect.Int32, reflect.Int64:
		if number, ok := value.(int64); ok && !field.OverflowInt(number) {
			field.SetInt(number)
			return nil
		}
	case reflect.String:
		if text, ok := value.(string); ok {
			field.SetString(text)
			return nil
		}
	case reflect.Bool:
		if number, ok := value.(int64); ok {
			field.SetBool(number != 0)
			return nil
		}
	case reflect.Slice:
		if bytes, ok := value.([]byte); ok {
			field.SetBytes(bytes)
			return nil
		}
	default:
	}
	return fmt.Errorf("SQLite's %T does not fit into %s", value, field.Type())
}

// fieldValue returns the value as SQLite takes it. A nil pointer is NULL.
func fieldValue(field reflect.Value) driver.Value {
	switch field.Kind() {
	case reflect.Pointer:
		if field.IsNil() {
			return nil
		}
		return fieldValue(field.Elem())
	case reflect.Int32, reflect.Int64:
		return field.Int()
	case reflect.String:
		return field.String()
	case reflect.Bool:
		return field.Bool()
	default:
		return field.Bytes()
	}
}
