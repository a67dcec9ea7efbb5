BeforeAll { . $PSScriptRoot/Setup.ps1 }

Describe 'Save-Model and Import-Model' {
    BeforeEach {
        New-Item TestDrive:/models -ItemType Directory -Force
        Push-Location TestDrive:/models
    }

    AfterEach {
        Pop-Location
        Remove-Item TestDrive:/models -Recurse
    }

    It 'bring back what was saved' {
        $null = $data | Start-ModelTraining $model @quick
        $model | Save-Model a.safetensors
        Import-Model a.safetensors | Save-Model -Path b.safetensors
        Get-Bytes b.safetensors | Should -Be (Get-Bytes a.safetensors)
        (Import-Model b.safetensors).Classes | Should -Be $data.Classes
    }

    It 'overwrite only with -Force, and pass the model on only with -PassThru' {
        Set-Content model.safetensors precious
        Get-ErrorId { $model | Save-Model model.safetensors } | Should -Be 'FileExists'
        Get-Content model.safetensors | Should -Be 'precious'

        $model | Save-Model model.safetensors -Force | Should -BeNullOrEmpty
        $model | Save-Model model.safetensors -Force -PassThru | Should -Be $model
        (Import-Model model.safetensors).Name | Should -Be 'ResNet-20'
    }

    It 'write nothing with -WhatIf' {
        $model | Save-Model model.safetensors -PassThru -WhatIf | Should -BeNullOrEmpty
        Get-ChildItem | Should -BeNullOrEmpty
    }

    It 'work with Get-ChildItem, wildcards, strings and brackets' {
        New-ResNet20 2 | Save-Model a.safetensors
        New-ResNet20 3 | Save-Model -LiteralPath '[b].safetensors'

        (Get-ChildItem | Sort-Object Length | Import-Model).Classes.Count | Should -Be 5
        (Import-Model *.safetensors | Measure-Object).Count | Should -Be 2
        ('a.safetensors', '`[b`].safetensors' | Import-Model | Measure-Object).Count | Should -Be 2
        (Import-Model -LiteralPath '[b].safetensors').Classes.Count | Should -Be 3
    }

    It 'report a file that holds no model and go on with the next' {
        Set-Content bad.safetensors 'no model'
        $model | Save-Model good.safetensors

        $models = 'bad', 'missing', 'good' | ForEach-Object { "$_.safetensors" } |
            Import-Model -ErrorAction SilentlyContinue -ErrorVariable errors
        @($models).Count | Should -Be 1
        $errors.FullyQualifiedErrorId | Should -Be 'UnknownModelFormat,Cifar10Ps.Commands.ImportModelCommand',
            'FileNotFound,Cifar10Ps.Commands.ImportModelCommand'
    }

    It 'refuse <id>' -ForEach @(
        @{ script = { $model | Save-Model Env:model }; id = 'NotAFileSystemPath' }
        @{ script = { Import-Model Variable:model }; id = 'NotAFileSystemPath' }
        @{ script = { $model | Save-Model . }; id = 'NotARegularFile' }
        @{ script = { $model | Save-Model '?.safetensors' }; id = 'FileNotFound' }
        @{ script = { $model | Save-Model -Path a -LiteralPath b }; id = 'AmbiguousParameterSet' }
        @{ script = { Import-Model a -Mean 125, 123, 114 }; id = 'InvalidPreprocessing' }
    ) {
        Get-ErrorId $script | Should -Be $id
    }
}
