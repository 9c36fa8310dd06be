//! A JavaScript value, with the semantics of JavaScript: property access works on any value and propagates
//! exceptions. Other files of the binding access values through this wrapper.

use napi::bindgen_prelude::{BigInt, FromNapiValue, Null, ToNapiValue, Unknown};
use napi::{Env, Error, JsValue, Result, Status, ValueType, check_status, sys};
use std::ptr;

/// Returns the error that signals a pending exception to napi-rs: napi-rs then does not throw another exception.
pub(crate) fn pending() -> Error {
    Error::from_status(Status::PendingException)
}

/// A value of an environment.
#[derive(Clone, Copy)]
pub(crate) struct Value<'env> {
    env: &'env Env,
    raw: sys::napi_value,
}

impl<'env> Value<'env> {
    /// Wraps a value of this environment.
    pub(crate) fn from_raw(env: &'env Env, raw: sys::napi_value) -> Self {
        Self { env, raw }
    }

    /// Wraps an argument of a napi-rs function.
    pub(crate) fn from_unknown(env: &'env Env, value: Unknown<'_>) -> Self {
        Self { env, raw: value.raw() }
    }

    /// Converts a Rust value.
    pub(crate) fn of(env: &'env Env, value: impl ToNapiValue) -> Result<Self> {
        // SAFETY: the conversion returns a value of this environment.
        Ok(Self { env, raw: unsafe { ToNapiValue::to_napi_value(env.raw(), value)? } })
    }

    /// Returns `undefined`.
    pub(crate) fn undefined(env: &'env Env) -> Result<Self> {
        Self::of(env, ())
    }

    /// Returns `null`.
    pub(crate) fn null(env: &'env Env) -> Result<Self> {
        Self::of(env, Null)
    }

    /// Returns a new object.
    pub(crate) fn object(env: &'env Env) -> Result<Self> {
        Self::made(env, |value| {
            // SAFETY: an out pointer for the object.
            unsafe { sys::napi_create_object(env.raw(), value) }
        })
    }

    /// Returns a new array of this length, without elements.
    pub(crate) fn array(env: &'env Env, len: usize) -> Result<Self> {
        Self::made(env, |value| {
            // SAFETY: an out pointer for the array.
            unsafe { sys::napi_create_array_with_length(env.raw(), len, value) }
        })
    }

    /// Returns a Buffer with a copy of these bytes.
    pub(crate) fn buffer(env: &'env Env, bytes: &[u8]) -> Result<Self> {
        Self::made(env, |value| {
            // SAFETY: bytes of the passed length, and an out pointer for the Buffer.
            unsafe {
                sys::napi_create_buffer_copy(
                    env.raw(),
                    bytes.len(),
                    bytes.as_ptr().cast(),
                    ptr::null_mut(),
                    value,
                )
            }
        })
    }

    fn made(env: &'env Env, make: impl FnOnce(*mut sys::napi_value) -> sys::napi_status) -> Result<Self> {
        let mut raw = ptr::null_mut();
        check_status!(make(&raw mut raw))?;
        Ok(Self { env, raw })
    }

    pub(crate) fn raw(self) -> sys::napi_value {
        self.raw
    }

    /// `typeof`, but `null` has a type of its own.
    pub(crate) fn type_of(self) -> Result<ValueType> {
        let mut kind = 0;
        // SAFETY: a value of this environment, and an out pointer for the type.
        check_status!(unsafe { sys::napi_typeof(self.env.raw(), self.raw, &raw mut kind) })?;
        Ok(ValueType::from(kind))
    }

    pub(crate) fn is_undefined(self) -> Result<bool> {
        Ok(self.type_of()? == ValueType::Undefined)
    }

    pub(crate) fn is_function(self) -> Result<bool> {
        Ok(self.type_of()? == ValueType::Function)
    }

    pub(crate) fn is_promise(self) -> Result<bool> {
        let mut is_promise = false;
        // SAFETY: a value of this environment, and an out pointer for the result.
        check_status!(unsafe { sys::napi_is_promise(self.env.raw(), self.raw, &raw mut is_promise) })?;
        Ok(is_promise)
    }

    pub(crate) fn is_array(self) -> Result<bool> {
        let mut is_array = false;
        // SAFETY: a value of this environment, and an out pointer for the result.
        check_status!(unsafe { sys::napi_is_array(self.env.raw(), self.raw, &raw mut is_array) })?;
        Ok(is_array)
    }

    /// Returns whether the value is an object but neither an array nor a function, like Node's validators.
    pub(crate) fn is_plain_object(self) -> Result<bool> {
        Ok(self.type_of()? == ValueType::Object && !self.is_array()?)
    }

    /// `value.name`
    pub(crate) fn get(self, name: &str) -> Result<Self> {
        self.get_by(Self::of(self.env, name)?)
    }

    /// `value[key]`
    pub(crate) fn get_by(self, key: Value<'_>) -> Result<Self> {
        Self::made(self.env, |value| {
            // SAFETY: values of this environment, and an out pointer for the result.
            unsafe { sys::napi_get_property(self.env.raw(), self.raw, key.raw, value) }
        })
    }

    /// `value.name = property`
    pub(crate) fn set(self, name: &str, property: Value<'_>) -> Result<()> {
        let name = Self::of(self.env, name)?;
        // SAFETY: values of this environment.
        check_status!(unsafe { sys::napi_set_property(self.env.raw(), self.raw, name.raw, property.raw) })
    }

    /// `name in value`
    pub(crate) fn has(self, name: &str) -> Result<bool> {
        let (name, mut has) = (Self::of(self.env, name)?, false);
        // SAFETY: values of this environment, and an out pointer for the result.
        check_status!(unsafe { sys::napi_has_property(self.env.raw(), self.raw, name.raw, &raw mut has) })?;
        Ok(has)
    }

    /// `Object.hasOwn(value, name)`
    pub(crate) fn has_own(self, name: &str) -> Result<bool> {
        let (name, mut has) = (Self::of(self.env, name)?, false);
        // SAFETY: values of this environment, and an out pointer for the result.
        check_status!(unsafe {
            sys::napi_has_own_property(self.env.raw(), self.raw, name.raw, &raw mut has)
        })?;
        Ok(has)
    }

    /// `array.length`
    pub(crate) fn length(self) -> Result<u32> {
        let mut length = 0;
        // SAFETY: a value of this environment, and an out pointer for the length. Fails for other values.
        check_status!(unsafe { sys::napi_get_array_length(self.env.raw(), self.raw, &raw mut length) })?;
        Ok(length)
    }

    /// `array[index]`
    pub(crate) fn element(self, index: u32) -> Result<Self> {
        Self::made(self.env, |value| {
            // SAFETY: a value of this environment, and an out pointer for the result.
            unsafe { sys::napi_get_element(self.env.raw(), self.raw, index, value) }
        })
    }

    /// `array[index] = element`
    pub(crate) fn set_element(self, index: u32, element: Value<'_>) -> Result<()> {
        // SAFETY: values of this environment.
        check_status!(unsafe { sys::napi_set_element(self.env.raw(), self.raw, index, element.raw) })
    }

    /// Returns the elements of an array.
    pub(crate) fn elements(self) -> Result<impl Iterator<Item = Result<Self>>> {
        Ok((0..self.length()?).map(move |index| self.element(index)))
    }

    /// Calls a function with `undefined` as `this`. An exception stays pending.
    pub(crate) fn call(self, args: &[Value<'_>]) -> Result<Self> {
        self.call_on(Self::undefined(self.env)?, args)
    }

    /// Calls a function as a method of `this`. An exception stays pending.
    pub(crate) fn call_on(self, this: Value<'_>, args: &[Value<'_>]) -> Result<Self> {
        let args = args.iter().map(|arg| arg.raw).collect::<smallvec::SmallVec<[_; 8]>>();
        Self::made(self.env, |value| {
            // SAFETY: values of this environment, an array with the passed length, and an out pointer for the result.
            unsafe {
                sys::napi_call_function(self.env.raw(), this.raw, self.raw, args.len(), args.as_ptr(), value)
            }
        })
    }

    /// Returns the text of a string; `None` for any other value.
    pub(crate) fn string(self) -> Result<Option<String>> {
        Ok(if self.type_of()? == ValueType::String { Some(self.convert()?) } else { None })
    }

    /// Converts the value; an error if the value has another type.
    pub(crate) fn convert<T: FromNapiValue>(self) -> Result<T> {
        // SAFETY: a value of this environment.
        unsafe { T::from_napi_value(self.env.raw(), self.raw) }
    }

    /// `String(value)`, but throws for a symbol.
    pub(crate) fn coerce_to_string(self) -> Result<String> {
        let string = Self::made(self.env, |value| {
            // SAFETY: a value of this environment, and an out pointer for the string.
            unsafe { sys::napi_coerce_to_string(self.env.raw(), self.raw, value) }
        })?;
        string.convert()
    }

    /// Returns a bigint from 0 to 2^64 - 1; `None` for any other value.
    pub(crate) fn u64(self) -> Result<Option<u64>> {
        if self.type_of()? != ValueType::BigInt {
            return Ok(None);
        }
        let (is_negative, number, is_lossless) = self.convert::<BigInt>()?.get_u64();
        Ok((!is_negative && is_lossless).then_some(number))
    }

    /// Returns the location and the number of the bytes of a `Uint8Array`; `None` for any other value.
    pub(crate) fn bytes(self) -> Result<Option<(*mut u8, usize)>> {
        let env = self.env.raw();
        let mut is_array = false;
        // SAFETY: a value of this environment, and an out pointer for the result.
        check_status!(unsafe { sys::napi_is_typedarray(env, self.raw, &raw mut is_array) })?;
        if !is_array {
            return Ok(None);
        }
        let (mut base, mut len, mut kind) = (ptr::null_mut(), 0, 0);
        let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a typed array of this environment; nulls for results that are not wanted.
        check_status!(unsafe {
            let (kind, len, base) = (&raw mut kind, &raw mut len, &raw mut base);
            sys::napi_get_typedarray_info(env, self.raw, kind, len, base, buffer, offset)
        })?;
        Ok((kind == sys::TypedarrayType::uint8_array).then_some((base.cast(), len)))
    }

    /// Returns whether a typed array is over a `SharedArrayBuffer`.
    pub(crate) fn is_shared(self) -> Result<bool> {
        let (env, mut is_array_buffer) = (self.env.raw(), false);
        let (kind, len, base, offset) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let buffer = Self::made(self.env, |buffer| {
            // SAFETY: a typed array of this environment; nulls for results that are not wanted.
            unsafe { sys::napi_get_typedarray_info(env, self.raw, kind, len, base, buffer, offset) }
        })?;
        // SAFETY: a value of this environment, and an out pointer for the result.
        check_status!(unsafe { sys::napi_is_arraybuffer(env, buffer.raw, &raw mut is_array_buffer) })?;
        Ok(!is_array_buffer)
    }

    /// Returns a copy of the bytes of a `Uint8Array`; `None` for any other value.
    pub(crate) fn copy_bytes(self) -> Result<Option<Vec<u8>>> {
        let Some((base, len)) = self.bytes()? else {
            return Ok(None);
        };
        let mut bytes = vec![0_u8; len];
        if len > 0 {
            // SAFETY: the array has `len` bytes. Only JavaScript of this thread changes them, and none runs now.
            // Other threads may change shared bytes during the copy. The vector is new.
            unsafe { ptr::copy(base, bytes.as_mut_ptr(), len) };
        }
        Ok(Some(bytes))
    }
}
